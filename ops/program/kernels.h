// What the builds of the kernels (baseline, AVX2/FMA and AVX-512) offer to the interpreter.
#pragma once

#include <cstddef>

namespace torchopt {

// Elementwise loop over n elements. A scalar operand is a pointer to one element. `out` may be
// exactly one of the operands; other overlaps are not allowed.
template <class T>
using EltFn = void (*)(T* out, const T* a, const T* b, const T* c, size_t n);

enum class ReduceKind : int { kSum = 0, kMax = 1, kMin = 2, kProd = 3 };

// A running reduction. `rest` is the rounding error of a sum so far (compensated summation over
// blocks), or the exponent of a product: it is value * 2^rest.
template <class T>
struct Accumulator {
  T value;
  T rest;
};

template <class T>
struct MatmulArgs {
  const T* a;
  ptrdiff_t aRow, aCol;  // address of A[i][k] = a + i * aRow + k * aCol; one of the two is 1
  const T* b;
  ptrdiff_t bRow, bCol;  // address of B[k][j] = b + k * bRow + j * bCol; one of the two is 1
  T* out;
  ptrdiff_t outRow;
  size_t m, n, k;
  bool subtract = false;  // whether the product is taken from `out`, instead of taking its place
};

template <class T>
struct Kernels {
  // Loop for an opcode; bit i of scalarMask says that operand i is a scalar. Null: no such opcode.
  EltFn<T> (*elementwise)(int op, unsigned scalarMask);
  // Reduces n elements that lie `stride` apart.
  Accumulator<T> (*reduceRow)(ReduceKind kind, const T* p, size_t n, ptrdiff_t stride);
  // Reduces each of `rows` rows of n adjacent elements, for good.
  void (*reduceRows)(ReduceKind kind, const T* p, size_t rows, ptrdiff_t rowStride, size_t n,
                     T* out);
  // Reduces each of `cols` adjacent columns over `rows` rows, on top of what value and rest hold if
  // `resume`. A null rest (not with resume) makes value final.
  void (*reduceColumns)(ReduceKind kind, const T* p, size_t rows, ptrdiff_t rowStride, size_t cols,
                        T* value, T* rest, bool resume);
  // Joins a partial result of `n` outputs to a running one.
  void (*joinPartials)(ReduceKind kind, size_t n, T* value, T* rest, const T* partValue,
                       const T* partRest);
  // out = value + rest for sums, value * 2^rest for products.
  void (*settle)(ReduceKind kind, size_t n, const T* value, const T* rest, T* out);
  // out = A B. `scratch` holds matmulScratch(args) elements.
  void (*matmul)(const MatmulArgs<T>& args, T* scratch);
  size_t (*matmulScratch)(const MatmulArgs<T>& args);
  // dst[j * dstStride + i] = src[i * srcStride + j].
  void (*transpose)(const T* src, ptrdiff_t srcStride, T* dst, ptrdiff_t dstStride, size_t rows,
                    size_t cols);
  // Writes each of `rows` elements, `stride` apart, `each` times: dst[i * each + j] = src[i * stride].
  void (*spread)(const T* src, ptrdiff_t stride, T* dst, size_t rows, size_t each);
};

// Codes of the operations.
enum EltOp : int {
#define TORCHOPT_ELT(Code, Name, ...) kElt##Name = Code,
#define TORCHOPT_LIBM TORCHOPT_ELT
#include "opcodes.inc"
#undef TORCHOPT_ELT
#undef TORCHOPT_LIBM
};

// Operands an opcode reads; 0 for an unknown one.
constexpr int eltArity(int op) {
  switch (op) {
#define TORCHOPT_ELT(Code, Name, Operands, ...) \
  case Code:                                    \
    return Operands;
#define TORCHOPT_LIBM TORCHOPT_ELT
#include "opcodes.inc"
#undef TORCHOPT_ELT
#undef TORCHOPT_LIBM
    default:
      return 0;
  }
}

// The best kernels for this machine, or what the environment variable TORCHOPT_SIMD names.
template <class T>
const Kernels<T>& kernels();

}  // namespace torchopt
