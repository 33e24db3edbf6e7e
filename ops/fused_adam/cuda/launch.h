// FusedAdam on CUDA, on addresses of the GPU.
#pragma once

#include <cstdint>
#include <vector>

#include "../../cuda/module.h"

namespace torchopt::cuda {

// The tables of a launch lie in its parameters (3.8 of 4 KiB): nothing has to be copied to the GPU, and
// what changes from step to step is read there, so that a recorded launch stays right.
TORCHOPT_CUDA_SHARED(
    kAdamTypes,
    constexpr u32 kAdamTensors = 44, kAdamChunk = 1024;
    template <class T> struct AdamPlace {
      const T *c1, *c2, *g, *m, *v, *p;
      T *u, *mOut, *vOut;
      u64 size;
    };
    template <class T> struct AdamBatch {
      const T *b1, *omb1, *b2, *omb2, *eps, *epsRoot, *s, *wd;
      AdamPlace<T> tensors[kAdamTensors];
      u32 firstChunk[kAdamTensors + 1];
      u32 count;
    };)

// One step over any number of tensors. `scalars`: a batch whose eight pointers are set. What they mean is
// said in ops/fused_adam/adam.h.
template <class T>
void launchAdam(Stream stream, bool apply, const AdamBatch<T>& scalars,
                const std::vector<AdamPlace<T>>& tensors);

}  // namespace torchopt::cuda
