// LU by halves of the columns (Toledo, Locality of Reference in LU Decomposition with Partial Pivoting,
// 1997): nearly all of the work is in products of large blocks.

#include <numeric>

#include "blocks.h"
#include "linalg.h"

namespace torchopt {

namespace {

// Exchanges rows k and pivots[k], one after the other.
template <class T>
void exchangeRows(const Block<T>& a, const int64_t* pivots, size_t count, const Parallel& parallel) {
  overColumns(a.n, count * a.n * 8, parallel, [&](size_t begin, size_t columns) {
    for (size_t k = 0; k < count; ++k) {
      const size_t other = size_t(pivots[k]);
      if (other == k) continue;
      T* row = a.row(k) + begin;
      std::swap_ranges(row, row + columns, a.row(other) + begin);
    }
  });
}

template <class T>
void factorBlock(const Block<T>& a, int64_t* pivots, const Parallel& parallel) {
  const size_t k = std::min(a.m, a.n);
  if (k == 0) return;
  if (a.n <= kPanelColumns || (a.n <= kSmall && a.m <= kSmall)) {
    const Panel<T> panel(a);
    linalgKernels<T>().luPanel(panel.data, panel.pitch, a.m, a.n, pivots);
    panel.copyTo(a);
    return;
  }
  const size_t h = k <= kPanelColumns ? k : halfOf(k);
  factorBlock(a.columns(0, h), pivots, parallel);
  const Block<T> right = a.columns(h, a.n - h);
  exchangeRows(right, pivots, h, parallel);
  const Block<T> top = right.part(0, h, 0, right.n), rest = right.part(h, a.m - h, 0, right.n);
  substituteColumns(Operand<T>(a), h, true, false, top, parallel);
  const Block<T> below = a.part(h, a.m - h, 0, h);
  subtractProduct(rest, Operand<T>(below), Operand<T>(top), h, parallel);
  factorBlock(rest, pivots + h, parallel);
  exchangeRows(below, pivots + h, k - h, parallel);
  for (size_t i = h; i < k; ++i) pivots[i] += int64_t(h);
}

}  // namespace

template <class T>
void factorLu(const Batch& batch, T* a, int64_t* order, int64_t* pivots, const Parallel& parallel) {
  const size_t m = batch.m, n = batch.n, k = std::min(m, n);
  overMatrices(batch.count, m * n * k / 2, parallel, [&](size_t i, const Parallel& threads) {
    factorBlock<T>({a + i * batch.each(), ptrdiff_t(n), m, n}, pivots + i * k, threads);
    int64_t* rows = order + i * m;
    std::iota(rows, rows + m, int64_t(0));
    for (size_t j = 0; j < k; ++j) std::swap(rows[j], rows[size_t(pivots[i * k + j])]);
  });
}

template void factorLu(const Batch&, float*, int64_t*, int64_t*, const Parallel&);
template void factorLu(const Batch&, double*, int64_t*, int64_t*, const Parallel&);

}  // namespace torchopt
