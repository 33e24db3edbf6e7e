// QR by blocks of Householder reflections, I - V T V^T (Schreiber & Van Loan, A storage-efficient WY
// representation for products of Householder transformations, 1989).

#include <vector>

#include "blocks.h"
#include "linalg.h"

namespace torchopt {

namespace {

// The reflections of one panel, from row `first` on: V has ones on and zeros above its diagonal.
template <class T>
struct Reflections {
  size_t first, columns;
  std::vector<T> v, t;

  Block<T> vBlock() { return {v.data(), ptrdiff_t(columns), v.size() / columns, columns}; }
};

// The triangle T of the block of reflections, from V and their factors.
template <class T>
void makeTriangle(Reflections<T>& block, const T* tau) {
  const size_t n = block.columns;
  const Block<T> v = block.vBlock();
  std::vector<T> inner(n * n);
  product({inner.data(), ptrdiff_t(n), n, n}, Operand<T>(v).transposed(), Operand<T>(v), v.m, false);
  block.t.assign(n * n, T(0));
  T* t = block.t.data();
  for (size_t j = 0; j < n; ++j) {
    for (size_t i = 0; i < j; ++i) {
      T sum = 0;
      for (size_t k = i; k < j; ++k) sum += t[i * n + k] * inner[k * n + j];
      t[i * n + j] = -tau[j] * sum;
    }
    t[j * n + j] = tau[j];
  }
}

// C -= V T V^T C, or with T transposed: the product of the reflections, or of their reverse.
template <class T>
void reflect(Reflections<T>& block, bool transposed, const Block<T>& c, const Parallel& parallel) {
  const size_t n = block.columns;
  const Block<T> v = block.vBlock();
  overColumns(c.n, 2 * c.m * c.n * n, parallel, [&](size_t begin, size_t count) {
    T* memory = scratchMemory<T, 2>(2 * n * count);
    const Block<T> w{memory, ptrdiff_t(count), n, count};
    const Block<T> tw{memory + n * count, ptrdiff_t(count), n, count};
    const Block<T> part = c.columns(begin, count);
    const Operand<T> t(block.t.data(), ptrdiff_t(n), 1);
    product(w, Operand<T>(v).transposed(), Operand<T>(part), c.m, false);
    product(tw, transposed ? t.transposed() : t, Operand<T>(w), n, false);
    product(part, Operand<T>(v), Operand<T>(tw), n, true);
  });
}

}  // namespace

template <class T>
void factorQr(const Batch& batch, size_t columns, T* a, T* q, T* r, const Parallel& parallel) {
  const size_t m = batch.m, n = batch.n;
  overMatrices(batch.count, 2 * m * n * columns, parallel, [&](size_t i, const Parallel& threads) {
    const Block<T> whole{a + i * batch.each(), ptrdiff_t(n), m, n};
    std::vector<Reflections<T>> blocks;
    for (size_t k = 0; k < n; k += kSmall) {
      const size_t width = std::min(kSmall, n - k), rows = m - k;
      const Block<T> here = whole.part(k, rows, k, width);
      const Panel<T> panel(here);
      T tau[kSmall];
      linalgKernels<T>().reflectPanel(panel.data, panel.pitch, rows, width, tau);
      panel.copyTo(here);
      blocks.push_back({k, width, std::vector<T>(rows * width), {}});
      const Block<T> v = blocks.back().vBlock();
      for (size_t row = 0; row < rows; ++row) {
        for (size_t j = 0; j < width; ++j)
          v.row(row)[j] = row > j ? here.row(row)[j] : T(row == j);
      }
      makeTriangle(blocks.back(), tau);
      const size_t rest = n - k - width;
      if (rest > 0) reflect(blocks.back(), true, whole.part(k, rows, k + width, rest), threads);
    }
    T* triangle = r + i * columns * n;
    for (size_t row = 0; row < columns; ++row) {
      for (size_t j = 0; j < n; ++j) triangle[row * n + j] = row <= j ? whole.row(row)[j] : T(0);
    }
    const Block<T> basis{q + i * m * columns, ptrdiff_t(columns), m, columns};
    for (size_t row = 0; row < m; ++row) {
      for (size_t j = 0; j < columns; ++j) basis.row(row)[j] = T(row == j);
    }
    for (size_t k = blocks.size(); k-- > 0;) {
      const size_t first = blocks[k].first;
      reflect(blocks[k], false, basis.part(first, m - first, first, columns - first), threads);
    }
  });
}

template void factorQr(const Batch&, size_t, float*, float*, float*, const Parallel&);
template void factorQr(const Batch&, size_t, double*, double*, double*, const Parallel&);

}  // namespace torchopt
