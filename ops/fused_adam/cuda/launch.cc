#include "launch.h"

#include <stdexcept>

namespace torchopt::cuda {

namespace {

constexpr unsigned kAdamThreads = 256;

BuiltinModule& adamModule = *new BuiltinModule("fused_adam", {kAdamTypes,
#include "adam.cuh"
                                                         });

}  // namespace

template <class T>
void launchAdam(Stream stream, bool apply, const AdamBatch<T>& scalars,
                const std::vector<AdamPlace<T>>& tensors) {
  const char* const kernel = sizeof(T) == 4 ? (apply ? "adam_apply_f32" : "adam_f32")
                                            : (apply ? "adam_apply_f64" : "adam_f64");
  AdamBatch<T> batch = scalars;
  batch.count = batch.firstChunk[0] = 0;
  const auto flush = [&] {
    const u32 chunks = batch.firstChunk[batch.count];
    adamModule.launch(stream, kernel, blocksFor(size_t(chunks) * kAdamThreads, kAdamThreads), kAdamThreads, batch);
    batch.count = 0;
  };
  for (const AdamPlace<T>& t : tensors) {
    const u64 chunks = (t.size + kAdamChunk - 1) / kAdamChunk;
    if (chunks > 0x7fffffff) throw std::length_error("FusedAdam: a tensor is too large");
    if (batch.count == kAdamTensors || batch.firstChunk[batch.count] + chunks > 0x7fffffff) flush();
    batch.tensors[batch.count] = t;
    batch.firstChunk[batch.count + 1] = batch.firstChunk[batch.count] + u32(chunks);
    ++batch.count;
  }
  flush();
}

template void launchAdam(Stream, bool, const AdamBatch<float>&, const std::vector<AdamPlace<float>>&);
template void launchAdam(Stream, bool, const AdamBatch<double>&,
                         const std::vector<AdamPlace<double>>&);

}  // namespace torchopt::cuda
