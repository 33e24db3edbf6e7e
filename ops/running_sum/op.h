// The custom op `RunningSum`.
#pragma once

#include "../common/ort_abi.h"

namespace torchopt {

template <class T>
const ort::CustomOp* runningSumOp();

}  // namespace torchopt
