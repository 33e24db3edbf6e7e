// The custom op `FusedAdam`.
#pragma once

#include "../common/ort_abi.h"

namespace torchopt {

// FusedAdamF32 for float, FusedAdamF64 for double, on the CPU.
template <class T>
const ort::CustomOp* fusedAdamOp();

// The same on CUDA.
template <class T>
const ort::CustomOp* fusedAdamCudaOp();

}  // namespace torchopt
