// What the processor can do.
#pragma once

namespace torchopt {

// Whether the AVX2/FMA builds may be used; the environment variable TORCHOPT_SIMD=base forbids it.
bool useAvx2();

// Whether those for AVX-512 (F, BW, DQ, VL) may; TORCHOPT_SIMD=avx2 forbids it, too.
bool useAvx512();

}  // namespace torchopt
