// The custom op `FusedAdam`.
#pragma once

#include "../common/ort_abi.h"

namespace torchopt {

// FusedAdamF32 for float, FusedAdamF64 for double.
template <class T>
const ort::CustomOp* fusedAdamOp();

}  // namespace torchopt
