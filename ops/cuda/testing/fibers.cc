#include "fibers.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <numeric>
#include <vector>

// Of the sanitizers' runtimes, where the process has one. This file itself is built without.
extern "C" {
__attribute__((weak)) void* __tsan_get_current_fiber();
__attribute__((weak)) void* __tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_destroy_fiber(void* fiber);
__attribute__((weak)) void __tsan_switch_to_fiber(void* fiber, unsigned flags);
__attribute__((weak)) void __tsan_acquire(void* address);
__attribute__((weak)) void __tsan_release(void* address);
__attribute__((weak)) void __sanitizer_start_switch_fiber(void** save, const void* bottom, size_t size);
__attribute__((weak)) void __sanitizer_finish_switch_fiber(void* save, const void** bottom,
                                                           size_t* size);
}

namespace cuda_cpu {

namespace {

constexpr size_t kStack = 1 << 18;
// Switching makes nothing happen before anything else: only barriers do.
constexpr unsigned kNoSync = 1;

enum class Status { done, ready, atBlockBarrier, atWarpBarrier, exchanging, voting };

struct Fiber {
  Thread who{};
  Status status = Status::done;
  int line = 0;
  unsigned mask = 0;
  unsigned long long value = 0;
  int from = 0;
  unsigned barriers = 0, warpBarriers = 0;  // met so far
  ucontext_t context;
  char* stack = nullptr;
  void* tsan = nullptr;
  void* fakeStack = nullptr;
};

struct Engine {
  std::mutex one;  // launch at a time
  std::vector<std::unique_ptr<Fiber>> fibers;
  Fiber* current = nullptr;
  const Launch* launch = nullptr;
  ucontext_t scheduler;
  void* schedulerTsan = nullptr;
  void* schedulerFakeStack = nullptr;
  const void* schedulerBottom = nullptr;
  size_t schedulerSize = 0;
  uint64_t random = 1;
  char launchToken = 0, endToken = 0;
  // Barriers take turns: who meets the next one may do so before others have left this one.
  char blockTokens[2] = {}, warpTokens[32][2] = {};
};

Engine& engine() {
  static Engine& one = *new Engine;
  return one;
}

void acquire(char* token) {
  if (__tsan_acquire != nullptr) __tsan_acquire(token);
}
void release(char* token) {
  if (__tsan_release != nullptr) __tsan_release(token);
}

// Back to the scheduler, until it comes here again.
void yield() {
  Engine& e = engine();
  Fiber& self = *e.current;
  if (__tsan_switch_to_fiber != nullptr) __tsan_switch_to_fiber(e.schedulerTsan, kNoSync);
  if (__sanitizer_start_switch_fiber != nullptr)
    __sanitizer_start_switch_fiber(&self.fakeStack, e.schedulerBottom, e.schedulerSize);
  swapcontext(&self.context, &e.scheduler);
  if (__sanitizer_finish_switch_fiber != nullptr)
    __sanitizer_finish_switch_fiber(self.fakeStack, &e.schedulerBottom, &e.schedulerSize);
}

void body() {
  Engine& e = engine();
  if (__sanitizer_finish_switch_fiber != nullptr)
    __sanitizer_finish_switch_fiber(nullptr, &e.schedulerBottom, &e.schedulerSize);
  for (;;) {
    acquire(&e.launchToken);
    e.launch->call(e.launch->parameters);
    release(&e.endToken);
    e.current->status = Status::done;
    yield();
  }
}

void begin(Fiber& fiber) {
  if (fiber.tsan != nullptr && __tsan_destroy_fiber != nullptr) __tsan_destroy_fiber(fiber.tsan);
  fiber.tsan = __tsan_create_fiber != nullptr ? __tsan_create_fiber(0) : nullptr;
  fiber.fakeStack = nullptr;
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack;
  fiber.context.uc_stack.ss_size = kStack;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, body, 0);
}

void resume(Fiber& fiber) {
  Engine& e = engine();
  e.current = &fiber;
  if (__tsan_switch_to_fiber != nullptr) __tsan_switch_to_fiber(fiber.tsan, kNoSync);
  if (__sanitizer_start_switch_fiber != nullptr)
    __sanitizer_start_switch_fiber(&e.schedulerFakeStack, fiber.stack, kStack);
  swapcontext(&e.scheduler, &fiber.context);
  if (__sanitizer_finish_switch_fiber != nullptr)
    __sanitizer_finish_switch_fiber(e.schedulerFakeStack, nullptr, nullptr);
  e.current = nullptr;
}

std::string at(int line) { return "line " + std::to_string(line); }

// Lets threads go on whose barriers are complete. Returns what is wrong.
class Barriers {
 public:
  explicit Barriers(size_t threads) : n_(threads) {}

  std::string open() {
    for (size_t w = 0; w * 32 < n_; ++w) {
      const std::string wrong = openWarp(w);
      if (!wrong.empty()) return wrong;
    }
    return openBlock();
  }

  // Why nobody can go on; empty where all are done.
  std::string deadlock() {
    size_t done = 0, waiting = 0;
    int line = 0;
    for (size_t i = 0; i < n_; ++i) {
      if (fiber(i).status == Status::done) ++done;
      else ++waiting, line = fiber(i).line;
    }
    if (waiting == 0) return "";
    return std::to_string(waiting) + " of " + std::to_string(n_) + " threads wait at " + at(line) +
           ", " + std::to_string(done) + " ended without reaching it";
  }

 private:
  Fiber& fiber(size_t i) const { return *engine().fibers[i]; }

  std::string openBlock() {
    int line = 0;
    size_t arrived = 0;
    for (size_t i = 0; i < n_; ++i) {
      if (fiber(i).status != Status::atBlockBarrier) continue;
      if (arrived++ == 0) line = fiber(i).line;
      else if (fiber(i).line != line)
        return "threads of a block meet different barriers, " + at(line) + " and " + at(fiber(i).line);
    }
    if (arrived < n_) return "";
    for (size_t i = 0; i < n_; ++i) fiber(i).status = Status::ready;
    return "";
  }

  std::string openWarp(size_t w) {
    const size_t first = w * 32, lanes = n_ - first < 32 ? n_ - first : 32;
    for (size_t i = 0; i < lanes; ++i) {
      Fiber& leader = fiber(first + i);
      if (leader.status != Status::atWarpBarrier && leader.status != Status::exchanging &&
          leader.status != Status::voting)
        continue;
      const unsigned whole = lanes == 32 ? ~0u : (1u << lanes) - 1, mask = leader.mask & whole;
      if ((mask >> i & 1) == 0) return "a thread is not in the mask of its own, " + at(leader.line);
      bool complete = true;
      for (size_t k = 0; k < lanes; ++k) {
        if ((mask >> k & 1) == 0) continue;
        const Fiber& other = fiber(first + k);
        if (other.status == Status::done)
          return "a thread of a warp ended without reaching " + at(leader.line);
        if (other.status != Status::atWarpBarrier && other.status != Status::exchanging &&
            other.status != Status::voting) {
          complete = false;
        } else if (other.line != leader.line || other.status != leader.status) {
          return "threads of a warp meet at different places, " + at(leader.line) + " and " +
                 at(other.line);
        }
      }
      if (complete) serve(first, lanes, mask, leader.status);
    }
    return "";
  }

  void serve(size_t first, size_t lanes, unsigned mask, Status kind) {
    unsigned long long said[32] = {};
    unsigned votes = 0;
    for (size_t k = 0; k < lanes; ++k) {
      said[k] = fiber(first + k).value;
      if ((mask >> k & 1) != 0 && said[k] != 0) votes |= 1u << k;
    }
    for (size_t k = 0; k < lanes; ++k) {
      if ((mask >> k & 1) == 0) continue;
      Fiber& f = fiber(first + k);
      if (kind == Status::voting) f.value = votes;
      // What a lane outside of the mask holds is undefined; here it is nothing that helps.
      if (kind == Status::exchanging && f.from >= 0 && f.from < 32 && f.from != int(k)) {
        const bool in = size_t(f.from) < lanes && (mask >> f.from & 1) != 0;
        f.value = in ? said[f.from] : ~0ull;
      }
      f.status = Status::ready;
    }
  }

  size_t n_;
};

std::string runBlock(const Launch& launch, Index block, std::vector<size_t>& order) {
  Engine& e = engine();
  const size_t n = order.size();
  for (size_t i = 0; i < launch.sharedBytes; ++i)
    const_cast<volatile char*>(launch.shared)[i] = char(0xff);
  for (size_t i = 0; i < n; ++i) {
    Fiber& f = *e.fibers[i];
    const unsigned x = launch.threads.x, y = launch.threads.y;
    f.who = {{unsigned(i) % x, unsigned(i) / x % y, unsigned(i) / (x * y)},
             block, launch.threads, launch.blocks};
    f.status = Status::ready;
    f.barriers = f.warpBarriers = 0;
  }
  Barriers barriers(n);
  for (;;) {
    bool went = false;
    for (const size_t i : order) {
      if (e.fibers[i]->status != Status::ready) continue;
      went = true;
      resume(*e.fibers[i]);
    }
    if (!went) return barriers.deadlock();
    const std::string wrong = barriers.open();
    if (!wrong.empty()) return wrong;
  }
}

}  // namespace

std::string run(const Launch& launch) {
  Engine& e = engine();
  const std::lock_guard<std::mutex> lock(e.one);
  const size_t n = size_t(launch.threads.x) * launch.threads.y * launch.threads.z;
  while (e.fibers.size() < n) {
    auto fiber = std::make_unique<Fiber>();
    fiber->stack = static_cast<char*>(mmap(nullptr, kStack, PROT_READ | PROT_WRITE,
                                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    begin(*fiber);
    e.fibers.push_back(std::move(fiber));
  }
  e.schedulerTsan = __tsan_get_current_fiber != nullptr ? __tsan_get_current_fiber() : nullptr;
  e.launch = &launch;
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t(0));
  for (size_t i = n; i > 1; --i) {
    e.random = e.random * 6364136223846793005ull + 1442695040888963407ull;
    std::swap(order[i - 1], order[size_t(e.random >> 33) % i]);
  }
  release(&e.launchToken);
  std::string wrong;
  for (unsigned z = 0; z < launch.blocks.z && wrong.empty(); ++z)
    for (unsigned y = 0; y < launch.blocks.y && wrong.empty(); ++y)
      for (unsigned x = 0; x < launch.blocks.x && wrong.empty(); ++x)
        wrong = runBlock(launch, {x, y, z}, order);
  acquire(&e.endToken);
  // What hangs is given up.
  if (!wrong.empty())
    for (auto& fiber : e.fibers) begin(*fiber);
  return wrong;
}

}  // namespace cuda_cpu

using namespace cuda_cpu;

extern "C" const Thread* cuda_cpu_thread() { return &engine().current->who; }

extern "C" void cuda_cpu_barrier(int line) {
  Engine& e = engine();
  Fiber& self = *e.current;
  self.status = Status::atBlockBarrier;
  self.line = line;
  char* const token = &e.blockTokens[self.barriers++ % 2];
  release(token);
  yield();
  acquire(token);
}

namespace {

unsigned long long meet(Status kind, unsigned mask, unsigned long long value, int from, int line) {
  Fiber& self = *engine().current;
  self.status = kind;
  self.mask = mask;
  self.value = value;
  self.from = from;
  self.line = line;
  yield();
  return self.value;
}

}  // namespace

extern "C" void cuda_cpu_warp_barrier(unsigned mask, int line) {
  Engine& e = engine();
  Fiber& self = *e.current;
  char* const token = &e.warpTokens[self.who.thread.x / 32 % 32][self.warpBarriers++ % 2];
  release(token);
  meet(Status::atWarpBarrier, mask, 0, -1, line);
  acquire(token);
}

extern "C" unsigned long long cuda_cpu_exchange(unsigned mask, unsigned long long value, int from,
                                                int line) {
  return meet(Status::exchanging, mask, value, from, line);
}

extern "C" unsigned cuda_cpu_ballot(unsigned mask, int predicate, int line) {
  return unsigned(meet(Status::voting, mask, predicate != 0, -1, line));
}
