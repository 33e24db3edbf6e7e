#include "launch.h"

#include <algorithm>

namespace torchopt::cuda {

namespace {

constexpr unsigned kSumThreads = 256;
// Lines of this length or shorter, and so many of them, have a thread each.
constexpr u64 kShort = 64, kMany = 1 << 15;
constexpr u64 kSumBlocks = 1 << 16;

BuiltinModule& sumModule = *new BuiltinModule("running_sum", {kRunningSumTypes,
#include "running_sum.cuh"
                                                          });

}  // namespace

template <class T>
void launchRunningSum(Stream stream, const RunningSumSpec& spec, const T* x, T* y) {
  const SumTask<T> task{x, y, u64(spec.outer), u64(spec.size), u64(spec.inner), spec.exclusive, spec.reverse};
  const u64 lines = task.outer * task.inner;
  if (lines == 0 || task.size == 0) return;
  if (task.size <= kShort || lines >= kMany) {
    const char* const kernel = sizeof(T) == 4 ? "sum_lines_f32" : "sum_lines_f64";
    sumModule.launch(stream, kernel, blocksFor(lines, kSumThreads), kSumThreads, task);
  } else {
    const char* const kernel = sizeof(T) == 4 ? "scan_lines_f32" : "scan_lines_f64";
    sumModule.launch(stream, kernel, std::min(lines, kSumBlocks), kSumThreads, task);
  }
}

template void launchRunningSum(Stream, const RunningSumSpec&, const float*, float*);
template void launchRunningSum(Stream, const RunningSumSpec&, const double*, double*);

}  // namespace torchopt::cuda
