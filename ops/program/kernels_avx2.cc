#include <immintrin.h>
#include <math.h>
#include <stdint.h>

#include "kernels.h"

namespace torchopt {
namespace {
namespace avx2 {
#include "kernels.inc"
}  // namespace avx2
}  // namespace

template <class T>
const Kernels<T>& kernelsAvx2() {
  return avx2::kTable<T>;
}
template const Kernels<float>& kernelsAvx2<float>();
template const Kernels<double>& kernelsAvx2<double>();

}  // namespace torchopt
