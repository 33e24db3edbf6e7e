// A parallel-for that a step can use without knowing who owns the threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>

namespace torchopt {

class Parallel {
 public:
  using Task = void (*)(void* user, size_t index);
  // Calls task(user, index) for every index below total, on any thread. Throws where it cannot; some
  // tasks may have run then.
  using Dispatch = void (*)(void* owner, Task task, size_t total, void* user);

  // Everything runs on the calling thread.
  Parallel() = default;
  Parallel(Dispatch dispatch, void* owner) : dispatch_(dispatch), owner_(owner) {}

  bool threaded() const { return dispatch_ != nullptr; }

  // Calls body(index) for every index below total, in any order and on any thread. What a call throws
  // (memory that runs out, say) is thrown here once all threads are done: an exception that left a
  // thread of a pool would end the process. Nothing is tried again, since tasks write over their
  // inputs.
  template <class Body>
  void operator()(size_t total, const Body& body) const {
    if (dispatch_ == nullptr || total <= 1) {
      for (size_t i = 0; i < total; ++i) body(i);
      return;
    }
    Guarded<Body> guarded{body};
    dispatch_(
        owner_, [](void* user, size_t i) { static_cast<Guarded<Body>*>(user)->run(i); }, total,
        &guarded);
    if (guarded.error != nullptr) std::rethrow_exception(guarded.error);
  }

 private:
  template <class Body>
  struct Guarded {
    const Body& body;
    std::atomic<bool> failed{false};
    std::exception_ptr error;

    void run(size_t index) noexcept {
      if (failed.load(std::memory_order_relaxed)) return;
      try {
        body(index);
      } catch (...) {
        if (!failed.exchange(true)) error = std::current_exception();
      }
    }
  };

  Dispatch dispatch_ = nullptr;
  void* owner_ = nullptr;
};

// Runs on threads of its own, started and joined within each loop. `threads` must outlive it.
Parallel threadParallel(int* threads);

}  // namespace torchopt
