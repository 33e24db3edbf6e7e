#include "random.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

namespace torchopt {
namespace {
namespace avx512 {
#include "random.inc"
}  // namespace avx512
}  // namespace

template <class T>
RandomLoop<T> randomLoopAvx512(bool normal) {
  return normal ? avx512::fill<T, true> : avx512::fill<T, false>;
}
template RandomLoop<float> randomLoopAvx512<float>(bool);
template RandomLoop<double> randomLoopAvx512<double>(bool);

}  // namespace torchopt
