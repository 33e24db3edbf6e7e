// The custom ops `Program` and `Loop`.
#pragma once

#include "../common/ort_abi.h"

namespace torchopt {

// ProgramF32 for float, ProgramF64 for double.
template <class T>
const ort::CustomOp* programOp();

// LoopF32 and LoopF64: a loop whose step is a program.
template <class T>
const ort::CustomOp* loopOp();

// The same for the provider CUDA.
template <class T>
const ort::CustomOp* programCudaOp();
template <class T>
const ort::CustomOp* loopCudaOp();

}  // namespace torchopt
