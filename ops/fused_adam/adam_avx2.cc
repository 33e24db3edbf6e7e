#include <immintrin.h>
#include <stdint.h>

#include "adam.h"

namespace torchopt {
namespace {
namespace avx2 {
#include "adam.inc"
}  // namespace avx2
}  // namespace

template <class T>
AdamLoop<T> adamLoopAvx2(bool apply) {
  return apply ? avx2::adam<T, true> : avx2::adam<T, false>;
}
template AdamLoop<float> adamLoopAvx2<float>(bool);
template AdamLoop<double> adamLoopAvx2<double>(bool);

}  // namespace torchopt
