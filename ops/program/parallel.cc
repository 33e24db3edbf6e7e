#include "parallel.h"

#include <atomic>
#include <thread>
#include <vector>

namespace torchopt {

Parallel threadParallel(int* threads) {
  if (*threads <= 1) return {};
  const auto dispatch = [](void* owner, Parallel::Task task, size_t total, void* user) {
    std::atomic<size_t> next{0};
    const auto work = [&] {
      for (size_t i; (i = next.fetch_add(1)) < total;) task(user, i);
    };
    std::vector<std::thread> helpers;
    for (int k = 1; k < *static_cast<int*>(owner); ++k) helpers.emplace_back(work);
    work();
    for (auto& helper : helpers) helper.join();
  };
  return {dispatch, threads};
}

}  // namespace torchopt
