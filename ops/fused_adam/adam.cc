#include "adam.h"

#include <algorithm>

namespace torchopt {

namespace {

// Elements per task; fewer than this in all stay on the calling thread.
constexpr size_t kAdamChunk = 1 << 16;

}  // namespace

std::vector<AdamTask> adamTasks(const std::vector<int64_t>& sizes) {
  std::vector<AdamTask> tasks;
  for (size_t k = 0; k < sizes.size(); ++k) {
    const size_t size = size_t(sizes[k]);
    for (size_t begin = 0; begin < size; begin += kAdamChunk) {
      tasks.push_back({k, begin, std::min(begin + kAdamChunk, size)});
    }
  }
  return tasks;
}

template <class T>
void runAdam(const std::vector<AdamTask>& tasks, bool apply, const AdamScalars<T>& scalars,
             const AdamTensor<T>* tensors, const Parallel& parallel) {
  const AdamLoop<T> loop = adamLoop<T>(apply);
  const auto task = [&](size_t i) {
    loop(scalars, tensors[tasks[i].tensor], tasks[i].begin, tasks[i].end);
  };
  size_t total = 0;
  for (const AdamTask& t : tasks) total += t.end - t.begin;
  if (total <= kAdamChunk) Parallel()(tasks.size(), task);
  else parallel(tasks.size(), task);
}

template void runAdam(const std::vector<AdamTask>&, bool, const AdamScalars<float>&,
                      const AdamTensor<float>*, const Parallel&);
template void runAdam(const std::vector<AdamTask>&, bool, const AdamScalars<double>&,
                      const AdamTensor<double>*, const Parallel&);

}  // namespace torchopt
