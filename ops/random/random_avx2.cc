#include "random.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

namespace torchopt {
namespace {
namespace avx2 {
#include "random.inc"
}  // namespace avx2
}  // namespace

template <class T>
RandomLoop<T> randomLoopAvx2(bool normal) {
  return normal ? avx2::fill<T, true> : avx2::fill<T, false>;
}
template RandomLoop<float> randomLoopAvx2<float>(bool);
template RandomLoop<double> randomLoopAvx2<double>(bool);

}  // namespace torchopt
