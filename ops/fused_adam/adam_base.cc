#include <stdint.h>

#if defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "../common/cpu.h"
#include "adam.h"

namespace torchopt {
namespace {
namespace adam_base {
#include "adam.inc"
}  // namespace adam_base
}  // namespace

#if defined(__x86_64__)
template <class T>
AdamLoop<T> adamLoopAvx2(bool apply);
#endif

template <class T>
AdamLoop<T> adamLoop(bool apply) {
#if defined(__x86_64__)
  if (useAvx2()) return adamLoopAvx2<T>(apply);
#endif
  return apply ? adam_base::adam<T, true> : adam_base::adam<T, false>;
}
template AdamLoop<float> adamLoop<float>(bool);
template AdamLoop<double> adamLoop<double>(bool);

}  // namespace torchopt
