// The custom ops `Columns`, `FoldColumns`, `MaxPlaces` and `ScatterZeros`.
#pragma once

#include <vector>

#include "../common/ort_abi.h"

namespace torchopt {

// All of them, for float and double, on the CPU and on CUDA.
std::vector<const ort::CustomOp*> windowOps();

}  // namespace torchopt
