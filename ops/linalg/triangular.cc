// Triangular systems.

#include "blocks.h"
#include "linalg.h"

namespace torchopt {

namespace {

// Right sides up to this number are solved one by one.
constexpr size_t kFewColumns = 3;

template <class T>
void solveColumn(const Operand<T>& t, size_t n, bool unit, bool backward, T* b, size_t pitch) {
  const auto solve = linalgKernels<T>().substituteVector;
  if (pitch == 1) {
    solve(t.data, t.row, t.column, n, unit, backward, b);
    return;
  }
  T* x = scratchMemory<T, 1>(n);
  for (size_t i = 0; i < n; ++i) x[i] = b[i * pitch];
  solve(t.data, t.row, t.column, n, unit, backward, x);
  for (size_t i = 0; i < n; ++i) b[i * pitch] = x[i];
}

}  // namespace

template <class T>
void solveTriangular(const Batch& batch, const Triangle& triangle, const T* t, T* b,
                     const Parallel& parallel) {
  const size_t n = batch.m, columns = batch.n;
  const bool backward = triangle.upper != triangle.transpose;
  overMatrices(batch.count, n * n * columns / 2, parallel, [&](size_t i, const Parallel& threads) {
    const Operand<T> whole(t + i * n * n, ptrdiff_t(n), 1);
    const Operand<T> used = triangle.transpose ? whole.transposed() : whole;
    T* right = b + i * batch.each();
    if (columns <= kFewColumns) {
      for (size_t j = 0; j < columns; ++j)
        solveColumn(used, n, triangle.unit, backward, right + j, columns);
      return;
    }
    substituteColumns<T>(used, n, triangle.unit, backward, {right, ptrdiff_t(columns), n, columns},
                         threads);
  });
}

template void solveTriangular(const Batch&, const Triangle&, const float*, float*, const Parallel&);
template void solveTriangular(const Batch&, const Triangle&, const double*, double*,
                              const Parallel&);

}  // namespace torchopt
