#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
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
const Kernels<T>& kernelsAvx2();
template <class T>
const Kernels<T>& kernelsAvx512();
#endif

template <class T>
const Kernels<T>& kernels() {
#if defined(__x86_64__)
  if (useAvx512()) return kernelsAvx512<T>();
  if (useAvx2()) return kernelsAvx2<T>();
#endif
  return base::kTable<T>;
}
template const Kernels<float>& kernels<float>();
template const Kernels<double>& kernels<double>();

}  // namespace torchopt
