#include <stdint.h>

#if defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__SSE2__)
#include <immintrin.h>
#endif

#include "../common/cpu.h"
#include "kernels.h"

namespace torchopt {
namespace {
namespace base {
#include "kernels.inc"
}  // namespace base
}  // namespace

#if defined(__x86_64__)
template <class T>
const LinalgKernels<T>& linalgKernelsAvx2();
#endif

template <class T>
const LinalgKernels<T>& linalgKernels() {
#if defined(__x86_64__)
  if (useAvx2()) return linalgKernelsAvx2<T>();
#endif
  return base::kTable<T>;
}
template const LinalgKernels<float>& linalgKernels<float>();
template const LinalgKernels<double>& linalgKernels<double>();

}  // namespace torchopt
