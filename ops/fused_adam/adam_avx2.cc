#include <immintrin.h>
#include <stdint.h>

#include "adam.h"

namespace torchopt {
namespace {
namespace adam_avx2 {
#include "adam.inc"
}  // namespace adam_avx2
}  // namespace

template <class T>
AdamLoop<T> adamLoopAvx2(bool apply) {
  return apply ? adam_avx2::adam<T, true> : adam_avx2::adam<T, false>;
}
template AdamLoop<float> adamLoopAvx2<float>(bool);
template AdamLoop<double> adamLoopAvx2<double>(bool);

}  // namespace torchopt
