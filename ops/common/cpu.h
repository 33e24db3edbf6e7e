// What the processor can do.
#pragma once

namespace torchopt {

// Whether the AVX2/FMA builds may be used; the environment variable TORCHOPT_SIMD=base forbids it.
bool useAvx2();

}  // namespace torchopt
