// The MATMUL step: the batch, and blocks of rows where that is worth threads.

#include <algorithm>

#include "interpreter.h"

namespace torchopt {

namespace {

// A multiple of the rows of each build's register block.
constexpr int64_t kAlign = 24;

// Memory of the calling thread for packed blocks; bounded by the block sizes of the kernel.
template <class T>
T* packingMemory(size_t elements) {
  thread_local std::unique_ptr<AlignedMemory> memory;
  thread_local size_t size = 0;
  if (memory == nullptr || elements > size) {
    memory = std::make_unique<AlignedMemory>(elements * sizeof(T));
    size = elements;
  }
  return static_cast<T*>(memory->data());
}

}  // namespace

template <class T>
void runMatmul(const Program<T>& program, const MatmulStep& step, Context<T>& context,
               const Parallel& parallel) {
  if (step.batch == 0 || step.m == 0 || step.n == 0) return;
  const T* a = context.buffers[step.a] + step.aOffset;
  const T* b = context.buffers[step.b] + step.bOffset;
  T* out = context.buffers[step.out];
  // The split does not change results: every block has enough rows to take the same path as the
  // whole.
  const int64_t parts = step.rowsPerTask == 0 || !parallel.threaded()
                            ? 1
                            : std::max<int64_t>(1, step.m / step.rowsPerTask);
  const auto edge = [&](int64_t part) {
    return part == parts ? step.m : step.m * part / parts / kAlign * kAlign;
  };
  const auto block = [&](int64_t item, int64_t part) {
    const int64_t begin = edge(part);
    MatmulArgs<T> args;
    args.aRow = step.transA ? 1 : step.k;
    args.aCol = step.transA ? step.m : 1;
    args.bRow = step.transB ? 1 : step.n;
    args.bCol = step.transB ? step.k : 1;
    args.outRow = step.n;
    args.m = size_t(edge(part + 1) - begin);
    args.n = size_t(step.n);
    args.k = size_t(step.k);
    args.a = a + item * step.aBatchStride + begin * args.aRow;
    args.b = b + item * step.bBatchStride;
    args.out = out + (item * step.m + begin) * step.n;
    program.kernels->matmul(args, packingMemory<T>(program.kernels->matmulScratch(args)));
  };
  if (parts > 1) {
    return parallel(size_t(step.batch * parts),
                    [&](size_t i) { block(int64_t(i) / parts, int64_t(i) % parts); });
  }
  const int64_t items = step.rowsPerTask == 0 ? step.batch : step.itemsPerTask;
  const auto task = [&](size_t i) {
    const int64_t begin = int64_t(i) * items, end = std::min(begin + items, step.batch);
    for (int64_t item = begin; item < end; ++item) block(item, 0);
  };
  parallel(size_t((step.batch + items - 1) / items), task);
}

template void runMatmul(const Program<float>&, const MatmulStep&, Context<float>&, const Parallel&);
template void runMatmul(const Program<double>&, const MatmulStep&, Context<double>&,
                        const Parallel&);

}  // namespace torchopt
