#include "launch.h"

#include "../../common/errors.h"
#include "../../common/export.h"

namespace torchopt::cuda {

namespace {

constexpr unsigned kRandomThreads = 256;

// Every sum and product is rounded, as on the CPU.
BuiltinModule& randomModule = *new BuiltinModule("random", {kRandomTypes,
#include "philox.cuh"
                                                     },
                                           true);

}  // namespace

template <class T>
void launchRandom(Stream stream, bool normal, const RandomSource& source, T* out, u64 count) {
  const char* const kernel = sizeof(T) == 4 ? (normal ? "normal_f32" : "uniform_f32")
                                            : (normal ? "normal_f64" : "uniform_f64");
  const RandomTask<T> task{out, count, source.offset, source.keyLow, source.keyHigh};
  const u64 each = 16 / sizeof(T);
  randomModule.launch(stream, kernel, blocksFor((count + each - 1) / each, kRandomThreads), kRandomThreads, task);
}

template void launchRandom(Stream, bool, const RandomSource&, float*, u64);
template void launchRandom(Stream, bool, const RandomSource&, double*, u64);

}  // namespace torchopt::cuda

// Fills memory of a GPU, as torchopt_random_fill does on the CPU, and waits for it. Returns 0, or 1 with a
// message in torchopt_last_error.
TORCHOPT_EXPORT int32_t
torchopt_cuda_random_fill(int32_t device, int32_t isF64, int32_t normal, double address, double count,
                          const uint32_t* key, double offset) {
  return torchopt::recordingErrors([&] {
    using namespace torchopt::cuda;
    const ContextScope scope(device);
    const torchopt::RandomSource source{key[0], key[1], uint64_t(offset)};
    void* const out = reinterpret_cast<void*>(uintptr_t(address));
    if (isF64 != 0)
      launchRandom(nullptr, normal != 0, source, static_cast<double*>(out), uint64_t(count));
    else launchRandom(nullptr, normal != 0, source, static_cast<float*>(out), uint64_t(count));
    // The streams of ONNX Runtime do not wait for this one.
    waitForDevice();
  });
}
