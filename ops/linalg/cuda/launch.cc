#include "launch.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace torchopt::cuda {

namespace {

constexpr size_t kLinalgBlocks = 1 << 20;

BuiltinModule& linalgModule = *new BuiltinModule("linalg", {kLinalgTypes,
#include "linalg.cuh"
                                                     });

BuiltinModule& aroundModule = *new BuiltinModule("around_solver", {kAroundSolverTypes,
#include "around_solver.cuh"
                                                                   },
                                                 false, true);

constexpr unsigned kLinalgThreads = 256;
// Rows of a matrix that no block has for itself, and how many such matrices cuSOLVER takes: it goes through
// them one after another.
constexpr size_t kLarge = 64, kFew = 32;

bool goesToSolver(const Batch& batch) {
  return std::min(batch.m, batch.n) > kLarge && std::max(batch.m, batch.n) <= INT32_MAX &&
         batch.count <= kFew && hasSolver();
}

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

namespace {

template <class T>
void luBySolver(Stream stream, const Batch& batch, T* a, int64_t* order, int64_t* pivots,
              const ScratchMemory& scratch) {
  const u32 m = u32(batch.m), n = u32(batch.n), steps = std::min(m, n);
  const char* const turn = nameOf<T>("transpose_f32", "transpose_f64");
  const size_t blocks = blocksFor(batch.each(), kLinalgThreads);
  T* const turned = static_cast<T*>(scratch(batch.each() * sizeof(T)));
  auto* const exchanged = static_cast<int*>(scratch(steps * sizeof(int)));
  for (size_t i = 0; i < batch.count; ++i) {
    T* const whole = a + i * batch.each();
    aroundModule.launch(stream, turn, blocks, kLinalgThreads, TransposeTask<T>{whole, turned, m, n});
    solverLu(stream, int(m), int(n), turned, exchanged, scratch);
    aroundModule.launch(stream, turn, blocks, kLinalgThreads, TransposeTask<T>{turned, whole, n, m});
    aroundModule.launch(stream, "pivots", 1, 32,
                        PivotTask{exchanged, reinterpret_cast<i64*>(order + i * m),
                                  reinterpret_cast<i64*>(pivots + i * steps), m, steps});
  }
}

template <class T>
void choleskyBySolver(Stream stream, const Batch& batch, T* a, const ScratchMemory& scratch) {
  const size_t blocks = blocksFor(batch.each(), kLinalgThreads);
  auto* const info = static_cast<int*>(scratch(sizeof(int)));
  for (size_t i = 0; i < batch.count; ++i) {
    T* const whole = a + i * batch.each();
    solverCholesky(stream, int(batch.n), whole, info, scratch);
    aroundModule.launch(stream, nameOf<T>("clear_f32", "clear_f64"), blocks, kLinalgThreads,
                        ClearTask<T>{whole, info, u32(batch.n)});
  }
}

}  // namespace

template <class T>
void launchLu(Stream stream, const Batch& batch, T* a, int64_t* order, int64_t* pivots,
              const ScratchMemory& scratch) {
  if (batch.m == 0) return;
  if (goesToSolver(batch)) return luBySolver(stream, batch, a, order, pivots, scratch);
  const LuTask<T> task{a, reinterpret_cast<i64*>(order), reinterpret_cast<i64*>(pivots), batch.count,
                       extent(batch.m), extent(batch.n)};
  linalgModule.launch(stream, nameOf<T>("lu_f32", "lu_f64"), std::min(batch.count, kLinalgBlocks),
                threadsFor(batch.each()), task);
}

template <class T>
void launchCholesky(Stream stream, const Batch& batch, T* a, const ScratchMemory& scratch) {
  if (batch.n == 0) return;
  if (goesToSolver(batch)) return choleskyBySolver(stream, batch, a, scratch);
  linalgModule.launch(stream, nameOf<T>("cholesky_f32", "cholesky_f64"), std::min(batch.count, kLinalgBlocks),
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
  linalgModule.launch(stream, nameOf<T>("triangular_f32", "triangular_f64"),
                std::min(batch.count * tiles, kLinalgBlocks),
                threadsFor(batch.m * std::min<size_t>(batch.n, kTile)), task);
}

template void launchLu(Stream, const Batch&, float*, int64_t*, int64_t*, const ScratchMemory&);
template void launchLu(Stream, const Batch&, double*, int64_t*, int64_t*, const ScratchMemory&);
template void launchCholesky(Stream, const Batch&, float*, const ScratchMemory&);
template void launchCholesky(Stream, const Batch&, double*, const ScratchMemory&);
template void launchTriangular(Stream, const Batch&, const Triangle&, const float*, float*);
template void launchTriangular(Stream, const Batch&, const Triangle&, const double*, double*);

}  // namespace torchopt::cuda
