// The custom op `Program`.
#pragma once

#include "../common/ort_abi.h"

namespace torchopt {

// ProgramF32 for float, ProgramF64 for double.
template <class T>
const ort::CustomOp* programOp();

}  // namespace torchopt
