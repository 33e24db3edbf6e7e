// Factorizations of large matrices by cuSOLVER, opened at run time.
#pragma once

#include <functional>

#include "../../cuda/driver.h"

namespace torchopt::cuda {

// Gives memory of the GPU for the work of a node, until that is done.
using ScratchMemory = std::function<void*(size_t bytes)>;

// Names the library in the place of what the loader finds. Only before the first use.
void setSolverPath(const char* path);

// Whether cuSOLVER is there.
bool hasSolver();

// LU with partial pivoting of a matrix [rows, columns] whose columns lie one after another, `rows` elements
// apart. pivots: the row, from 1, that each row was exchanged with. Throws std::runtime_error.
template <class T>
void solverLu(Stream stream, int rows, int columns, T* a, int* pivots, const ScratchMemory& scratch);

// The Cholesky factor in the place of the triangle of a symmetric matrix that is the lower one where rows
// lie one after another. info: 0 where the matrix is positive definite.
template <class T>
void solverCholesky(Stream stream, int n, T* a, int* info, const ScratchMemory& scratch);

}  // namespace torchopt::cuda
