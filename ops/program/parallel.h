// A parallel-for that a step can use without knowing who owns the threads.
#pragma once

#include <cstddef>

namespace torchopt {

struct Parallel {
  using Task = void (*)(void* user, size_t index);

  // Null where everything runs on the calling thread.
  void (*dispatch)(void* owner, Task task, size_t total, void* user) = nullptr;
  void* owner = nullptr;

  bool threaded() const { return dispatch != nullptr; }

  // Calls body(index) for every index below total, in any order and on any thread.
  template <class Body>
  void operator()(size_t total, const Body& body) const {
    if (dispatch == nullptr || total <= 1) {
      for (size_t i = 0; i < total; ++i) body(i);
      return;
    }
    dispatch(
        owner, [](void* user, size_t i) { (*static_cast<const Body*>(user))(i); }, total,
        const_cast<Body*>(&body));
  }
};

// Runs on threads of its own, started and joined within each loop. `threads` must outlive it.
Parallel threadParallel(int* threads);

}  // namespace torchopt
