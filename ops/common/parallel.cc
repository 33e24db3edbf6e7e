#include "parallel.h"

#include <system_error>
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
    const int count = *static_cast<int*>(owner) - 1;
    std::vector<std::thread> helpers;
    helpers.reserve(size_t(count));
    try {
      for (int k = 0; k < count; ++k) helpers.emplace_back(work);
    } catch (const std::system_error&) {
      // Fewer threads than wanted do the same work.
    }
    work();
    for (auto& helper : helpers) helper.join();
  };
  return {dispatch, threads};
}

}  // namespace torchopt
