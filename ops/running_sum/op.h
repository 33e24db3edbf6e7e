// The custom op `RunningSum`.
#pragma once

#include <vector>

#include "../common/ort_abi.h"

namespace torchopt {

// For float and double, on the CPU and on CUDA.
std::vector<const ort::CustomOp*> runningSumOps();

}  // namespace torchopt
