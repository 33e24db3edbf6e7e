// Running sums on CUDA.
#pragma once

#include "../../cuda/module.h"
#include "../running_sum.h"

namespace torchopt::cuda {

TORCHOPT_CUDA_SHARED(
    kRunningSumTypes,
    template <class T> struct SumTask {
      const T* x;
      T* y;
      u64 outer, size, inner;
      u32 exclusive, reverse;
    };)

// As runningSum on the CPU; sums of float are added up in double here, too. y may be x.
template <class T>
void launchRunningSum(Stream stream, const RunningSumSpec& spec, const T* x, T* y);

}  // namespace torchopt::cuda
