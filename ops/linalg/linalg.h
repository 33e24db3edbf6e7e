// Factorizations of dense matrices: one large one on many threads, or a batch of small ones.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../common/parallel.h"

namespace torchopt {

// Matrices [count, m, n], one after another.
struct Batch {
  size_t count, m, n;
  size_t each() const { return m * n; }
};

// A[order] = L U with partial pivoting, in the place of A: L below the diagonal, U on and above it.
// order [count, m]: the rows of A in their new places. pivots [count, min(m, n)]: the row that each row
// was exchanged with. A column without a pivot leaves zeros below the diagonal.
template <class T>
void factorLu(const Batch& batch, T* a, int64_t* order, int64_t* pivots, const Parallel& parallel);

// A = L L^T in the place of A, of which the lower triangle is read; zeros above. Where a matrix is not
// positive definite, its triangle is NaN.
template <class T>
void factorCholesky(const Batch& batch, T* a, const Parallel& parallel);

// Q [count, m, columns] and R [count, columns, n] with A = Q R, for m >= n and columns n or m. A is
// overwritten.
template <class T>
void factorQr(const Batch& batch, size_t columns, T* a, T* q, T* r, const Parallel& parallel);

struct Triangle {
  bool upper, unit, transpose;
};

// X with T X = B (T^T X = B) in the place of B: [count, n, n] and [count, n, columns].
template <class T>
void solveTriangular(const Batch& batch, const Triangle& triangle, const T* t, T* b,
                     const Parallel& parallel);

// Eigenvalues [count, n], in any order, and eigenvectors, the columns of A in its place, of symmetric
// matrices.
template <class T>
void symmetricEigen(const Batch& batch, T* a, T* values, const Parallel& parallel);

// V [count, n, n], and A V with orthogonal columns in the place of A, for m >= n.
template <class T>
void orthogonalizeColumns(const Batch& batch, T* a, T* v, const Parallel& parallel);

}  // namespace torchopt
