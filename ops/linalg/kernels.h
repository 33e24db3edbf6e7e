// What the two builds of the loops (baseline and AVX2/FMA) offer to the factorizations.
#pragma once

#include <cstddef>
#include <cstdint>

namespace torchopt {

// Columns that the factorizations take at once: more are split in halves, the work in products.
constexpr size_t kPanelColumns = 16;
// Columns of a matrix that is factored as one panel.
constexpr size_t kSmall = 32;

template <class T>
struct LinalgKernels {
  // LU with partial pivoting of m rows of at most kSmall columns, `pitch` elements apart (whole vectors)
  // and filled up with zeros. pivots[k] is the row that row k is exchanged with.
  void (*luPanel)(T* a, size_t pitch, size_t m, size_t n, int64_t* pivots);
  // X with T X = B in the place of B, for at most kSmall rows of any number of columns. Element
  // [i][j] of T is t[i * tRow + j * tCol]; from the last row upwards if `backward`.
  void (*substitute)(const T* t, ptrdiff_t tRow, ptrdiff_t tCol, size_t n, bool unit, bool backward,
                     T* b, ptrdiff_t bRow, size_t columns);
  // The same for one right side of adjacent elements and any n; one of tRow and tCol is 1.
  void (*substituteVector)(const T* t, ptrdiff_t tRow, ptrdiff_t tCol, size_t n, bool unit,
                           bool backward, T* x);
  // Reflections that make m >= n rows (as for luPanel) upper triangular: they stand below the diagonal,
  // without their leading 1, and their factors in tau.
  void (*reflectPanel)(T* a, size_t pitch, size_t m, size_t n, T* tau);
  // Inner product.
  T (*dot)(const T* x, const T* y, size_t n);
  // y += a x
  void (*addScaled)(T a, const T* x, T* y, size_t n);
  // x = c x - s y, y = s x + c y
  void (*rotate)(T* x, T* y, T c, T s, size_t n);
};

// The best loops for this machine; the environment variable TORCHOPT_SIMD=base forces the baseline.
template <class T>
const LinalgKernels<T>& linalgKernels();

}  // namespace torchopt
