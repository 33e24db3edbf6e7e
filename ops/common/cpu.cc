#include "cpu.h"

#include <stdlib.h>
#include <string.h>

namespace torchopt {

bool useAvx2() {
#if defined(__x86_64__)
  static const bool use = [] {
    const char* forced = getenv("TORCHOPT_SIMD");
    if (forced != nullptr && strcmp(forced, "base") == 0) return false;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  }();
  return use;
#else
  return false;
#endif
}

}  // namespace torchopt
