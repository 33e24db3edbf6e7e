#include <stdint.h>

#if defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "../common/cpu.h"
#include "kernels.h"

namespace torchopt {
namespace {
namespace linalg_base {
#include "kernels.inc"
}  // namespace linalg_base
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
  return linalg_base::kTable<T>;
}
template const LinalgKernels<float>& linalgKernels<float>();
template const LinalgKernels<double>& linalgKernels<double>();

}  // namespace torchopt
