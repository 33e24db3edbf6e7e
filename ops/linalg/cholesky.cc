// Cholesky factorization by halves.

#include <cmath>
#include <limits>

#include "blocks.h"
#include "linalg.h"

namespace torchopt {

namespace {

template <class T>
void factorSmall(const Block<T>& a) {
  for (size_t j = 0; j < a.m; ++j) {
    T* row = a.row(j);
    for (size_t k = 0; k < j; ++k) row[j] -= row[k] * row[k];
    row[j] = row[j] > 0 ? std::sqrt(row[j]) : std::numeric_limits<T>::quiet_NaN();
    for (size_t i = j + 1; i < a.m; ++i) {
      T* other = a.row(i);
      T x = other[j];
      for (size_t k = 0; k < j; ++k) x -= other[k] * row[k];
      other[j] = x / row[j];
    }
  }
}

// X with X L^T = B in the place of B, by solving L X^T = B^T for a run of rows.
template <class T>
void substituteRows(const Block<T>& l, const Block<T>& b) {
  const size_t n = l.m;
  if (n <= kPanelColumns) {
    const Kernels<T>& table = kernels<T>();
    const size_t pitch = (b.m + 15) / 16 * 16;
    T* turned = scratchMemory<T, 1>(n * pitch);
    table.transpose(b.data, b.pitch, turned, ptrdiff_t(pitch), b.m, n);
    linalgKernels<T>().substitute(l.data, l.pitch, 1, n, false, false, turned, ptrdiff_t(pitch),
                                  b.m);
    table.transpose(turned, ptrdiff_t(pitch), b.data, b.pitch, n, b.m);
    return;
  }
  const size_t h = halfOf(n);
  const Block<T> left = b.columns(0, h), right = b.columns(h, n - h);
  substituteRows(l.part(0, h, 0, h), left);
  product(right, Operand<T>(left), Operand<T>(l.part(h, n - h, 0, h)).transposed(), h, true);
  substituteRows(l.part(h, n - h, h, n - h), right);
}

template <class T>
void factorBlock(const Block<T>& a, const Parallel& parallel) {
  const size_t n = a.m;
  if (n <= kPanelColumns) {
    factorSmall(a);
    return;
  }
  const size_t h = halfOf(n), rest = n - h;
  const Block<T> top = a.part(0, h, 0, h), below = a.part(h, rest, 0, h);
  const Block<T> corner = a.part(h, rest, h, rest);
  factorBlock(top, parallel);
  overColumns(rest, rest * h * h / 2, parallel, [&](size_t begin, size_t count) {
    substituteRows(top, below.part(begin, count, 0, h));
  });
  // Of the corner only what lies on and below the diagonal matters.
  overColumns(rest, rest * rest * h / 2, parallel, [&](size_t begin, size_t count) {
    const Operand<T> turned = Operand<T>(below.part(begin, count, 0, h)).transposed();
    product(corner.part(begin, rest - begin, begin, count),
            Operand<T>(below.part(begin, rest - begin, 0, h)), turned, h, true);
  });
  factorBlock(corner, parallel);
}

}  // namespace

template <class T>
void factorCholesky(const Batch& batch, T* a, const Parallel& parallel) {
  const size_t n = batch.n;
  if (n == 0) return;
  overMatrices(batch.count, n * n * n / 4, parallel, [&](size_t i, const Parallel& threads) {
    const Block<T> whole{a + i * batch.each(), ptrdiff_t(n), n, n};
    factorBlock(whole, threads);
    const bool failed = std::isnan(whole.row(n - 1)[n - 1]);
    for (size_t j = 0; j < n; ++j) {
      T* row = whole.row(j);
      if (failed) std::fill(row, row + j + 1, std::numeric_limits<T>::quiet_NaN());
      std::fill(row + j + 1, row + n, T(0));
    }
  });
}

template void factorCholesky(const Batch&, float*, const Parallel&);
template void factorCholesky(const Batch&, double*, const Parallel&);

}  // namespace torchopt
