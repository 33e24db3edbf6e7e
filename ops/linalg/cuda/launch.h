// Dense linear algebra on CUDA, on addresses of the GPU: what ops/linalg/linalg.h says.
#pragma once

#include "../../cuda/module.h"
#include "../linalg.h"
#include "solver.h"

namespace torchopt::cuda {

TORCHOPT_CUDA_SHARED(
    kLinalgTypes,
    constexpr u32 kStage = 64 * 65, kTile = 32;
    template <class T> struct LuTask {
      T* a;
      i64 *order, *pivots;
      u64 count;
      u32 m, n;
    };
    template <class T> struct CholeskyTask {
      T* a;
      u64 count;
      u32 n;
    };
    template <class T> struct TriangularTask {
      const T* t;
      T* b;
      u64 count;
      u32 n, columns, backward, unit, transpose;
    };)

TORCHOPT_CUDA_SHARED(
    kAroundSolverTypes,
    template <class T> struct TransposeTask {
      const T* in;
      T* out;
      u32 m, n;
    };
    struct PivotTask {
      const int* from;
      i64 *order, *pivots;
      u32 m, steps;
    };
    template <class T> struct ClearTask {
      T* a;
      const int* info;
      u32 n;
    };)

// As factorLu, factorCholesky and solveTriangular on the CPU, in the place of `a` and `b`. A few large
// matrices are left to cuSOLVER where it is there, with `scratch` for its work; other ones have a block
// each.
template <class T>
void launchLu(Stream stream, const Batch& batch, T* a, int64_t* order, int64_t* pivots,
              const ScratchMemory& scratch);
template <class T>
void launchCholesky(Stream stream, const Batch& batch, T* a, const ScratchMemory& scratch);
template <class T>
void launchTriangular(Stream stream, const Batch& batch, const Triangle& triangle, const T* t, T* b);

}  // namespace torchopt::cuda
