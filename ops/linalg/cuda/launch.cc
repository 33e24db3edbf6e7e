#include "launch.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace torchopt::cuda {

namespace {

constexpr size_t kMaxBlocks = 1 << 20;

BuiltinModule& module = *new BuiltinModule("linalg", {kLinalgTypes,
#include "linalg.cuh"
                                                     });

// Threads for a matrix of so many elements, about four each.
unsigned threadsFor(size_t elements) {
  unsigned threads = 32;
  while (threads < 256 && threads * 4 < elements) threads *= 2;
  return threads;
}

u32 extent(size_t n) {
  if (n > UINT32_MAX) throw std::length_error("linalg: a matrix is too large");
  return u32(n);
}

template <class T>
const char* nameOf(const char* f32, const char* f64) {
  return sizeof(T) == 4 ? f32 : f64;
}

}  // namespace

template <class T>
void launchLu(Stream stream, const Batch& batch, T* a, int64_t* order, int64_t* pivots) {
  if (batch.m == 0) return;
  const LuTask<T> task{a, reinterpret_cast<i64*>(order), reinterpret_cast<i64*>(pivots), batch.count,
                       extent(batch.m), extent(batch.n)};
  module.launch(stream, nameOf<T>("lu_f32", "lu_f64"), std::min(batch.count, kMaxBlocks),
                threadsFor(batch.each()), task);
}

template <class T>
void launchCholesky(Stream stream, const Batch& batch, T* a) {
  if (batch.n == 0) return;
  module.launch(stream, nameOf<T>("cholesky_f32", "cholesky_f64"), std::min(batch.count, kMaxBlocks),
                threadsFor(batch.each()), CholeskyTask<T>{a, batch.count, extent(batch.n)});
}

template <class T>
void launchTriangular(Stream stream, const Batch& batch, const Triangle& triangle, const T* t, T* b) {
  const TriangularTask<T> task{t,
                               b,
                               batch.count,
                               extent(batch.m),
                               extent(batch.n),
                               triangle.upper != triangle.transpose,
                               triangle.unit,
                               triangle.transpose};
  if (batch.each() == 0) return;
  const size_t tiles = (batch.n + kTile - 1) / kTile;
  module.launch(stream, nameOf<T>("triangular_f32", "triangular_f64"),
                std::min(batch.count * tiles, kMaxBlocks),
                threadsFor(batch.m * std::min<size_t>(batch.n, kTile)), task);
}

template void launchLu(Stream, const Batch&, float*, int64_t*, int64_t*);
template void launchLu(Stream, const Batch&, double*, int64_t*, int64_t*);
template void launchCholesky(Stream, const Batch&, float*);
template void launchCholesky(Stream, const Batch&, double*);
template void launchTriangular(Stream, const Batch&, const Triangle&, const float*, float*);
template void launchTriangular(Stream, const Batch&, const Triangle&, const double*, double*);

}  // namespace torchopt::cuda
