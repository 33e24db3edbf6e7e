#include <immintrin.h>
#include <stdint.h>

#include "kernels.h"

namespace torchopt {
namespace {
namespace linalg_avx2 {
#include "kernels.inc"
}  // namespace linalg_avx2
}  // namespace

template <class T>
const LinalgKernels<T>& linalgKernelsAvx2() {
  return linalg_avx2::kTable<T>;
}
template const LinalgKernels<float>& linalgKernelsAvx2<float>();
template const LinalgKernels<double>& linalgKernelsAvx2<double>();

}  // namespace torchopt
