#include <immintrin.h>
#include <math.h>
#include <stdint.h>

#include "kernels.h"

namespace torchopt {
namespace {
namespace avx512 {
#include "kernels.inc"
}  // namespace avx512
}  // namespace

template <class T>
const Kernels<T>& kernelsAvx512() {
  return avx512::kTable<T>;
}
template const Kernels<float>& kernelsAvx512<float>();
template const Kernels<double>& kernelsAvx512<double>();

}  // namespace torchopt
