#include "random.h"

#include <math.h>
#include <string.h>

#include "../common/cpu.h"

namespace torchopt {
namespace {
namespace base {
#include "random.inc"
}  // namespace base
}  // namespace

#if defined(__x86_64__)
template <class T>
RandomLoop<T> randomLoopAvx2(bool normal);
template <class T>
RandomLoop<T> randomLoopAvx512(bool normal);
#endif

template <class T>
RandomLoop<T> randomLoop(bool normal) {
#if defined(__x86_64__)
  if (useAvx512()) return randomLoopAvx512<T>(normal);
  if (useAvx2()) return randomLoopAvx2<T>(normal);
#endif
  return normal ? base::fill<T, true> : base::fill<T, false>;
}
template RandomLoop<float> randomLoop<float>(bool);
template RandomLoop<double> randomLoop<double>(bool);

}  // namespace torchopt
