// Eigenvalues of symmetric matrices by reduction to tridiagonal form and implicit QL steps, and singular
// values by one-sided Jacobi rotations, of larger matrices from a start that eigenvectors give (Golub & Van Loan, Matrix Computations, 2013, ch. 8.3 and 8.6).

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "blocks.h"
#include "linalg.h"

namespace torchopt {

namespace {

// The power of two next above the largest magnitude; 0 for zeros, NaN where a number is not finite.
template <class T>
T scaleOf(const T* a, size_t size) {
  T largest = 0;
  for (size_t i = 0; i < size; ++i) {
    if (!std::isfinite(a[i])) return std::numeric_limits<T>::quiet_NaN();
    largest = std::max(largest, std::abs(a[i]));
  }
  if (largest == 0) return 0;
  int exponent = 0;
  std::frexp(largest, &exponent);
  return std::ldexp(T(1), std::min(exponent, std::numeric_limits<T>::max_exponent - 1));
}

// Rows of a task, where a loop over rows is shared out.
constexpr size_t kRowsOfTask = 64;

// Calls body(i) for each i in [0, count), each of which takes `work` multiplications.
template <class Body>
void overRows(size_t count, size_t work, const Parallel& parallel, const Body& body) {
  const size_t each = count * work < kThreadedWork / 16 ? count : kRowsOfTask;
  if (count == 0) return;
  parallel((count + each - 1) / each, [&](size_t task) {
    const size_t end = std::min(count, (task + 1) * each);
    for (size_t i = task * each; i < end; ++i) body(i);
  });
}

// Symmetric a becomes tridiagonal: diagonal d, beside it e. Row k of a keeps the reflection that cleared
// it, from column k + 1 on, and tau its factor.
template <class T>
void tridiagonalize(const Block<T>& a, T* d, T* e, T* tau, const Parallel& parallel) {
  const LinalgKernels<T>& loops = linalgKernels<T>();
  const size_t n = a.n;
  // What the last reflection left to do: a -= v w^T + w v^T. A row gets it when the next one reads it, so
  // that memory is passed once for both.
  std::vector<T> memory(2 * n);
  T *w = memory.data(), *before = w + n;
  const T* v = nullptr;
  const auto update = [&](size_t row, T* from, size_t count) {
    const size_t i = row - (n - count);
    loops.addScaled(-v[i], before, from, count);
    loops.addScaled(-before[i], v, from, count);
  };
  for (size_t k = 0; k + 1 < n; ++k) {
    const size_t rest = n - k - 1;
    if (v != nullptr) update(k, a.row(k) + k, rest + 1);
    T* next = a.row(k) + k + 1;
    d[k] = a.row(k)[k];
    const T square = rest > 1 ? loops.dot(next + 1, next + 1, rest - 1) : T(0);
    tau[k] = 0;
    e[k] = next[0];
    if (square != 0) {
      const T length = std::sqrt(square + next[0] * next[0]);
      const T beta = next[0] < 0 ? length : -length, span = next[0] - beta;
      tau[k] = (beta - next[0]) / beta;
      e[k] = beta;
      for (size_t i = 1; i < rest; ++i) next[i] /= span;
      next[0] = 1;
    }
    overRows(rest, 3 * rest, parallel, [&](size_t i) {
      T* row = a.row(k + 1 + i) + k;
      if (v != nullptr) update(k + 1 + i, row, rest + 1);
      if (tau[k] != 0) w[i] = tau[k] * loops.dot(row + 1, next, rest);
    });
    v = nullptr;
    if (tau[k] == 0) continue;
    loops.addScaled(-tau[k] / 2 * loops.dot(w, next, rest), next, w, rest);
    v = next;
    std::swap(w, before);
  }
  if (v != nullptr) update(n - 1, a.row(n - 1) + n - 1, 1);
  d[n - 1] = a.row(n - 1)[n - 1];
}

// Rotations of neighbouring rows of z, carried out together: a strip of columns goes through all of them
// while it is in the cache.
template <class T>
class Rotations {
 public:
  Rotations(const Block<T>& z, const Parallel& parallel) : z_(z), parallel_(parallel) {
    list_.reserve(kMost);
  }
  void add(size_t row, T c, T s) {
    list_.push_back({row, c, s});
    if (list_.size() == kMost) apply();
  }
  void apply() {
    const LinalgKernels<T>& loops = linalgKernels<T>();
    const size_t strips = (z_.n + kStrip - 1) / kStrip;
    const auto strip = [&](size_t task) {
      const size_t begin = task * kStrip, count = std::min(kStrip, z_.n - begin);
      T* memory = scratchMemory<T, 2>(z_.m * kStrip);
      for (size_t i = 0; i < z_.m; ++i)
        std::copy_n(z_.row(i) + begin, count, memory + i * kStrip);
      for (const Rotation& r : list_) {
        T* row = memory + r.row * kStrip;
        loops.rotate(row, row + kStrip, r.c, r.s, count);
      }
      for (size_t i = 0; i < z_.m; ++i)
        std::copy_n(memory + i * kStrip, count, z_.row(i) + begin);
    };
    if (list_.size() * z_.n < kThreadedWork / 16) Parallel()(strips, strip);
    else parallel_(strips, strip);
    list_.clear();
  }

 private:
  struct Rotation {
    size_t row;
    T c, s;
  };
  static constexpr size_t kMost = 1 << 14, kStrip = 256 / sizeof(T);
  Block<T> z_;
  const Parallel& parallel_;
  std::vector<Rotation> list_;
};

// Implicit QL steps; the rows of z are turned along. False where they do not end.
template <class T>
bool diagonalize(T* d, T* e, const Block<T>& z, const Parallel& parallel) {
  const size_t n = z.n;
  Rotations<T> rotations(z, parallel);
  const T eps = std::numeric_limits<T>::epsilon(), least = std::numeric_limits<T>::min();
  e[n - 1] = 0;
  for (size_t l = 0; l < n; ++l) {
    for (int step = 0;; ++step) {
      size_t m = l;
      while (m + 1 < n && std::abs(e[m]) > eps * (std::abs(d[m]) + std::abs(d[m + 1])) + least) ++m;
      if (m == l) break;
      if (step == 80) return false;
      T g = (d[l + 1] - d[l]) / (2 * e[l]), r = std::hypot(g, T(1));
      g = d[m] - d[l] + e[l] / (g + std::copysign(r, g));
      T s = 1, c = 1, p = 0;
      size_t i = m;
      while (i-- > l) {
        const T f = s * e[i], b = c * e[i];
        r = std::hypot(f, g);
        e[i + 1] = r;
        if (r == 0) {
          d[i + 1] -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        rotations.add(i, c, s);
      }
      if (r == 0 && i + 1 > l) continue;
      d[l] -= p;
      e[l] = g;
      e[m] = 0;
    }
  }
  rotations.apply();
  return true;
}

// Eigenvalues, and eigenvectors as the rows of a or, `asColumns`, as its columns.
template <class T>
void eigenOf(const Block<T>& a, T* d, bool asColumns, const Parallel& parallel) {
  const LinalgKernels<T>& loops = linalgKernels<T>();
  const size_t n = a.n;
  const T scale = scaleOf(a.data, n * n);
  if (!(scale > 0)) {
    for (size_t i = 0; i < n; ++i) {
      d[i] = scale;
      for (size_t j = 0; j < n; ++j) a.row(i)[j] = std::isnan(scale) ? scale : T(i == j);
    }
    return;
  }
  for (size_t i = 0; i < n * n; ++i) a.data[i] /= scale;
  std::vector<T> e(n), tau(n), memory(n * n);
  tridiagonalize(a, d, e.data(), tau.data(), parallel);
  // The product of the reflections, transposed: each row goes through all of them.
  const Block<T> z{memory.data(), ptrdiff_t(n), n, n};
  overRows(n, n * n, parallel, [&](size_t i) {
    z.row(i)[i] = 1;
    for (size_t k = i; k-- > 0;) {
      if (tau[k] == 0) continue;
      const T* v = a.row(k) + k + 1;
      T* row = z.row(i) + k + 1;
      loops.addScaled(-tau[k] * loops.dot(row, v, n - k - 1), v, row, n - k - 1);
    }
  });
  const bool done = diagonalize(d, e.data(), z, parallel);
  const T nan = std::numeric_limits<T>::quiet_NaN();
  for (size_t i = 0; i < n; ++i) d[i] = done ? d[i] * scale : nan;
  if (!done) std::fill_n(a.data, n * n, nan);
  else if (asColumns) kernels<T>().transpose(z.data, z.pitch, a.data, a.pitch, n, n);
  else std::copy_n(z.data, n * n, a.data);
}

// Rows that are turned against each other while they are in the cache.
constexpr size_t kJacobiRows = 32;

// Turns rows of w, and with them those of v, in pairs until all are orthogonal.
template <class T>
class Jacobi {
 public:
  Jacobi(const Block<T>& w, const Block<T>& v)
      : loops_(linalgKernels<T>()), w_(w), v_(v), squares_(w.m),
        tolerance_(std::numeric_limits<T>::epsilon() * std::sqrt(T(w.n))) {}

  // All pairs in turn, again and again. Pairs of blocks that do not meet are turned at once, in the order
  // of a tournament (Brent & Luk, 1985).
  void run(const Parallel& parallel) {
    const size_t blocks = (w_.m + kJacobiRows - 1) / kJacobiRows, players = blocks + blocks % 2;
    std::vector<char> turned(players);
    for (int sweep = 0; sweep < 40; ++sweep) {
      for (size_t i = 0; i < w_.m; ++i) squares_[i] = loops_.dot(w_.row(i), w_.row(i), w_.n);
      std::fill(turned.begin(), turned.end(), 0);
      parallel(blocks, [&](size_t i) {
        if (inside(i)) turned[i] = 1;
      });
      for (size_t round = 0; round + 1 < players; ++round) {
        parallel(players / 2, [&](size_t i) {
          // The last player stays, the others go round.
          const size_t first = i == 0 ? players - 1 : (round + i) % (players - 1);
          const size_t second = (round + players - 1 - i) % (players - 1);
          if (std::max(first, second) >= blocks) return;
          if (across(std::min(first, second), std::max(first, second))) turned[i] = 1;
        });
      }
      if (std::find(turned.begin(), turned.end(), 1) == turned.end()) return;
    }
  }

 private:
  size_t endOf(size_t block) const { return std::min(w_.m, (block + 1) * kJacobiRows); }

  bool inside(size_t block) {
    bool turned = false;
    for (size_t i = block * kJacobiRows; i < endOf(block); ++i)
      for (size_t j = i + 1; j < endOf(block); ++j) turned |= turn(i, j);
    return turned;
  }
  bool across(size_t first, size_t second) {
    bool turned = false;
    for (size_t i = first * kJacobiRows; i < endOf(first); ++i)
      for (size_t j = second * kJacobiRows; j < endOf(second); ++j) turned |= turn(i, j);
    return turned;
  }
  // Makes rows i and j orthogonal; false where they are.
  bool turn(size_t i, size_t j) {
    const T between = loops_.dot(w_.row(i), w_.row(j), w_.n);
    const T sizes = std::sqrt(squares_[i]) * std::sqrt(squares_[j]);
    if (!(std::abs(between) > tolerance_ * sizes)) return false;
    const T zeta = (squares_[j] - squares_[i]) / (2 * between);
    const T t = std::copysign(1 / (std::abs(zeta) + std::sqrt(1 + zeta * zeta)), zeta);
    const T c = 1 / std::sqrt(1 + t * t), s = c * t;
    loops_.rotate(w_.row(i), w_.row(j), c, s, w_.n);
    loops_.rotate(v_.row(i), v_.row(j), c, s, v_.n);
    squares_[i] = std::max(T(0), squares_[i] - t * between);
    squares_[j] += t * between;
    return true;
  }

  const LinalgKernels<T>& loops_;
  Block<T> w_, v_;
  std::vector<T> squares_;
  T tolerance_;
};

// Rows from which on a start near the end pays.
constexpr size_t kPrepared = 32;
// Lengths of rows that differ by more than this belong to small singular values that rotations of pairs
// find to all digits (Demmel & Veselic, 1992), and sums of all rows do not.
constexpr double kGraded = 32;

template <class T>
bool isGraded(const Block<T>& w) {
  const LinalgKernels<T>& loops = linalgKernels<T>();
  T least = std::numeric_limits<T>::infinity(), most = 0;
  for (size_t i = 0; i < w.m; ++i) {
    const T length = std::sqrt(loops.dot(w.row(i), w.row(i), w.n));
    least = std::min(least, length), most = std::max(most, length);
  }
  return !(most <= T(kGraded) * least);
}

// Turns rows of w so that they are nearly orthogonal, largest first, by the eigenvectors of w w^T; these
// become the rows of v. What this leaves, since squares lose half of the digits, is for Jacobi's sweeps.
template <class T>
void nearlyOrthogonal(const Block<T>& w, const Block<T>& v, const Parallel& parallel) {
  const size_t n = w.m, m = w.n;
  std::vector<T> gram(n * n), values(n), turned(n * m);
  const Block<T> g{gram.data(), ptrdiff_t(n), n, n}, to{turned.data(), ptrdiff_t(m), n, m};
  // Minus the sum: the order of the eigenvalues is all that counts.
  subtractProduct(g, Operand<T>(w), Operand<T>(w).transposed(), m, parallel);
  eigenOf<T>(g, values.data(), false, parallel);
  if (!std::isfinite(values[0])) return;
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) { return values[i] < values[j]; });
  for (size_t i = 0; i < n; ++i) std::copy_n(g.row(order[i]), n, v.row(i));
  subtractProduct(to, Operand<T>(v), Operand<T>(w), n, parallel);
  for (size_t i = 0; i < n * m; ++i) w.data[i] = -turned[i];
}

}  // namespace

template <class T>
void symmetricEigen(const Batch& batch, T* a, T* values, const Parallel& parallel) {
  const size_t n = batch.n;
  if (n == 0) return;
  overMatrices(batch.count, 6 * n * n * n, parallel, [&](size_t i, const Parallel& threads) {
    eigenOf<T>({a + i * n * n, ptrdiff_t(n), n, n}, values + i * n, true, threads);
  });
}

template <class T>
void orthogonalizeColumns(const Batch& batch, T* a, T* v, const Parallel& parallel) {
  const size_t m = batch.m, n = batch.n;
  if (m == 0 || n == 0) return;
  overMatrices(batch.count, 30 * m * n * n, parallel, [&](size_t i, const Parallel& threads) {
    T* own = a + i * m * n;
    const T scale = scaleOf(own, m * n), safe = scale > 0 ? scale : T(1);
    std::vector<T> columns(m * n), basis(n * n);
    for (size_t row = 0; row < m; ++row) {
      for (size_t j = 0; j < n; ++j) columns[j * m + row] = own[row * n + j] / safe;
    }
    for (size_t j = 0; j < n; ++j) basis[j * n + j] = 1;
    if (scale > 0) {
      const Block<T> w{columns.data(), ptrdiff_t(m), n, m}, v{basis.data(), ptrdiff_t(n), n, n};
      if (n >= kPrepared && !isGraded(w)) nearlyOrthogonal(w, v, threads);
      Jacobi<T>(w, v).run(threads);
    }
    for (size_t row = 0; row < m; ++row) {
      for (size_t j = 0; j < n; ++j) own[row * n + j] = columns[j * m + row] * safe;
    }
    for (size_t row = 0; row < n; ++row) {
      for (size_t j = 0; j < n; ++j) v[i * n * n + row * n + j] = basis[j * n + row];
    }
  });
}

template void symmetricEigen(const Batch&, float*, float*, const Parallel&);
template void symmetricEigen(const Batch&, double*, double*, const Parallel&);
template void orthogonalizeColumns(const Batch&, float*, float*, const Parallel&);
template void orthogonalizeColumns(const Batch&, double*, double*, const Parallel&);

}  // namespace torchopt
