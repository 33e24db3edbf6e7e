// What the dry run takes for ordered (scripts/cuda_dry_run/order.h), and how it reads the parameters of
// kernels. Prints what is not as it should be.

#include <cstdio>

#include "../../scripts/cuda_dry_run/parameters.h"

using fake_cuda::How;
using fake_cuda::Order;

namespace {

int failures = 0;

void expect(bool right, const char* what) {
  if (right) return;
  std::printf("%s\n", what);
  ++failures;
}

char memory[64];

// Two streams, and a first access of these bytes by stream 0.
struct Two {
  Order order;
  Two(How how, size_t from, size_t bytes) {
    order.add(), order.add();
    use(0, how, from, bytes);
  }
  bool use(size_t stream, How how, size_t from = 0, size_t bytes = 8) {
    order.put(stream);
    return order.access(stream, memory + from, bytes, how, stream == 0 ? "a" : "b").empty();
  }
};

}  // namespace

int main() {
  expect(Two(How::write, 0, 8).use(0, How::read), "one stream is in order");
  expect(!Two(How::write, 0, 8).use(1, How::read), "a read in another stream needs a wait");
  expect(!Two(How::read, 0, 8).use(1, How::write), "a write after a read needs a wait");
  expect(!Two(How::write, 0, 8).use(1, How::write), "a write after a write needs a wait");
  expect(Two(How::read, 0, 8).use(1, How::read), "two may read");
  expect(!Two(How::unknown, 0, 0).use(1, How::read), "a kernel may have written");
  expect(!Two(How::read, 0, 8).use(1, How::unknown, 0, 0), "a kernel may write");
  expect(Two(How::write, 0, 8).use(1, How::read, 8), "other bytes are others");
  expect(!Two(How::write, 0, 32).use(1, How::read, 24), "an access begins inside of another");
  expect(!Two(How::write, 24, 8).use(1, How::read, 0, 32), "an access reaches over another");

  Two event(How::write, 0, 8);
  const fake_cuda::Clock recorded = event.order.of(0);
  event.use(0, How::write, 16);
  event.order.waitFor(1, recorded);
  expect(event.use(1, How::read), "what came before the event is over");
  expect(!event.use(1, How::read, 16), "what came after it is not");

  Two host(How::write, 0, 8);
  host.order.hostWaitsFor(host.order.of(0));
  expect(host.use(1, How::write), "the host waited");
  expect(!host.use(0, How::read), "the first stream did not wait for the second");
  expect(host.use(0, How::read), "a pair is named once");

  Two readers(How::read, 0, 8);
  readers.use(1, How::read);
  readers.order.waitFor(1, readers.order.of(0));
  expect(readers.use(1, How::write), "both reads are over");

  Two freed(How::write, 0, 8);
  freed.order.forget(memory, 32);
  expect(freed.use(1, How::read), "memory that was freed is new");

  // void ns::kernel<float, (int)4>(int, float const*, std::pair<int, float*>, float*)
  const auto found = fake_cuda::pointerParameters("_ZN2ns6kernelIfLi4EEEviPKT_St4pairIiPS1_EPS1_");
  expect(found.size() == 2, "two parameters are pointers");
  expect(found.size() == 2 && found[0].index == 1 && found[0].how == How::read, "the second is read");
  expect(found.size() == 2 && found[1].index == 3 && found[1].how == How::write, "the last is written");
  expect(fake_cuda::pointerParameters("kernel").empty(), "a plain name tells nothing");
  return failures == 0 ? 0 : 1;
}
