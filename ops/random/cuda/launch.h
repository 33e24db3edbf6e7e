// Random numbers on CUDA, those of the CPU.
#pragma once

#include "../../cuda/module.h"
#include "../random.h"

namespace torchopt::cuda {

TORCHOPT_CUDA_SHARED(
    kRandomTypes,
    template <class T> struct RandomTask {
      T* out;
      u64 count, offset;
      u32 keyLow, keyHigh;
    };)

// Fills memory of the GPU: uniform on [0, 1), or standard normal.
template <class T>
void launchRandom(Stream stream, bool normal, const RandomSource& source, T* out, u64 count);

}  // namespace torchopt::cuda
