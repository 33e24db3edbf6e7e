// Random matrices through the factorizations of ops/linalg: the factors have to make the matrix again.
// Sanitizers watch the memory. Usage: fuzz_linalg ROUNDS SEED; the last line counts what happened.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <vector>

#include "../../ops/linalg/linalg.h"

namespace {

using torchopt::Batch;
using torchopt::Parallel;
using Random = std::mt19937_64;

size_t between(Random& random, size_t low, size_t high) { return low + random() % (high - low + 1); }

template <class T>
std::vector<T> matrix(Random& random, size_t size) {
  std::uniform_real_distribution<T> draw(-1, 1);
  std::vector<T> a(size);
  for (T& x : a) x = draw(random);
  return a;
}

// C = A B for m x k and k x n.
template <class T>
std::vector<double> product(const T* a, const T* b, size_t m, size_t k, size_t n) {
  std::vector<double> c(m * n);
  for (size_t i = 0; i < m; ++i)
    for (size_t p = 0; p < k; ++p)
      for (size_t j = 0; j < n; ++j) c[i * n + j] += double(a[i * k + p]) * double(b[p * n + j]);
  return c;
}

template <class T>
std::vector<T> turned(const T* a, size_t m, size_t n) {
  std::vector<T> t(m * n);
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) t[j * m + i] = a[i * n + j];
  return t;
}

// Ends the process unless the lists agree within `bound`.
template <class A, class B>
void agree(const char* what, const A& a, const B& b, size_t size, double bound) {
  for (size_t i = 0; i < size; ++i) {
    if (std::abs(double(a[i]) - double(b[i])) <= bound) continue;
    std::printf("%s: element %zu is %g, wants %g within %g\n", what, i, double(a[i]), double(b[i]),
                bound);
    std::exit(1);
  }
}

template <class T>
void round(Random& random, size_t most, const Parallel& parallel) {
  const size_t m = between(random, 0, most), n = between(random, 0, most);
  const size_t count = between(random, 0, most > 80 ? 2 : 5), k = std::min(m, n);
  const double eps = std::numeric_limits<T>::epsilon(), bound = 100 * eps * double(m + n + 1);
  const Batch wide{count, m, n}, square{count, n, n};

  const auto a = matrix<T>(random, count * m * n);
  auto lu = a;
  std::vector<int64_t> order(count * m), pivots(count * k);
  torchopt::factorLu(wide, lu.data(), order.data(), pivots.data(), parallel);
  for (size_t c = 0; c < count; ++c) {
    std::vector<T> l(m * k), u(k * n), rows(m * n);
    for (size_t i = 0; i < m; ++i)
      for (size_t j = 0; j < n; ++j) {
        const T x = lu[c * m * n + i * n + j];
        if (j < i && j < k) l[i * k + j] = x;
        if (j >= i && i < k) u[i * n + j] = x;
        rows[i * n + j] = a[c * m * n + size_t(order[c * m + i]) * n + j];
      }
    for (size_t i = 0; i < k; ++i) l[i * k + i] = 1;
    agree("LU", product(l.data(), u.data(), m, k, n), rows, m * n, bound);
  }

  auto t = matrix<T>(random, count * n * n);
  for (size_t i = 0; i < count * n * n; ++i) t[i] = i % (n * n) % (n + 1) == 0 ? T(2) : t[i] / T(n);
  const size_t columns = between(random, 0, 40);
  const auto b = matrix<T>(random, count * n * columns);
  const torchopt::Triangle triangle{random() % 2 == 0, random() % 2 == 0, random() % 2 == 0};
  auto x = b;
  torchopt::solveTriangular({count, n, columns}, triangle, t.data(), x.data(), parallel);
  for (size_t c = 0; c < count; ++c) {
    std::vector<T> used(t.begin() + c * n * n, t.begin() + (c + 1) * n * n);
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) {
        if (i == j && triangle.unit) used[i * n + j] = 1;
        if (i != j && (j > i) != triangle.upper) used[i * n + j] = 0;
      }
    if (triangle.transpose) used = turned(used.data(), n, n);
    agree("triangle", product(used.data(), x.data() + c * n * columns, n, n, columns),
          b.data() + c * n * columns, n * columns, 10 * bound);
  }

  std::vector<T> spd(count * n * n), symmetric(count * n * n);
  for (size_t c = 0; c < count; ++c) {
    const T* own = t.data() + c * n * n;
    const auto back = turned(own, n, n);
    const auto whole = product(own, back.data(), n, n, n);
    for (size_t i = 0; i < n * n; ++i) {
      spd[c * n * n + i] = T(whole[i]) + T(i % (n + 1) == 0);
      symmetric[c * n * n + i] = own[i] + back[i];
    }
  }
  auto factor = spd;
  torchopt::factorCholesky(square, factor.data(), parallel);
  for (size_t c = 0; c < count; ++c) {
    const T* l = factor.data() + c * n * n;
    agree("Cholesky", product(l, turned(l, n, n).data(), n, n, n), spd.data() + c * n * n, n * n,
          10 * bound);
  }

  auto vectors = symmetric;
  std::vector<T> values(count * n);
  torchopt::symmetricEigen(square, vectors.data(), values.data(), parallel);
  for (size_t c = 0; c < count; ++c) {
    const T* v = vectors.data() + c * n * n;
    std::vector<T> scaled(v, v + n * n);
    for (size_t i = 0; i < n * n; ++i) scaled[i] *= values[c * n + i % n];
    agree("eigen", product(symmetric.data() + c * n * n, v, n, n, n), scaled, n * n, 10 * bound);
  }

  if (m < n) return;
  for (const size_t size : {n, m}) {
    auto work = a;
    std::vector<T> q(count * m * size), r(count * size * n);
    torchopt::factorQr(wide, size, work.data(), q.data(), r.data(), parallel);
    for (size_t c = 0; c < count; ++c) {
      const T* own = q.data() + c * m * size;
      agree("QR", product(own, r.data() + c * size * n, m, size, n), a.data() + c * m * n, m * n,
            bound);
      std::vector<double> unit(size * size);
      for (size_t i = 0; i < size; ++i) unit[i * size + i] = 1;
      agree("Q", product(turned(own, m, size).data(), own, size, m, size), unit, size * size, bound);
    }
  }
  auto columnsOfA = a;
  std::vector<T> v(count * n * n);
  torchopt::orthogonalizeColumns(wide, columnsOfA.data(), v.data(), parallel);
  for (size_t c = 0; c < count; ++c) {
    agree("columns", product(a.data() + c * m * n, v.data() + c * n * n, m, n, n),
          columnsOfA.data() + c * m * n, m * n, 10 * bound);
  }
}

}  // namespace

int main(int count, char** arguments) {
  const size_t rounds = count > 1 ? size_t(std::atoll(arguments[1])) : 1000;
  Random random(count > 2 ? uint64_t(std::atoll(arguments[2])) : 1);
  int threads = 3;
  for (size_t i = 0; i < rounds; ++i) {
    const size_t most = i % 50 == 49 ? 200 : i % 5 == 4 ? 70 : 20;
    const Parallel parallel = i % 2 == 0 ? Parallel() : torchopt::threadParallel(&threads);
    if (random() % 2 == 0) round<float>(random, most, parallel);
    else round<double>(random, most, parallel);
  }
  std::printf("%zu rounds of matrices\n", rounds);
  return 0;
}
