#include "cpu.h"

#include <stdlib.h>
#include <string.h>

namespace torchopt {

namespace {

#if defined(__x86_64__)
enum Level { kBase, kAvx2, kAvx512 };

// What the processor has, up to what TORCHOPT_SIMD names.
Level level() {
  const char* named = getenv("TORCHOPT_SIMD");
  const Level most = named == nullptr              ? kAvx512
                     : strcmp(named, "base") == 0 ? kBase
                     : strcmp(named, "avx2") == 0 ? kAvx2
                                                  : kAvx512;
  if (most < kAvx2 || !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return kBase;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  return wide ? most : kAvx2;
}
Level chosen() {
  static const Level once = level();
  return once;
}
#endif

}  // namespace

bool useAvx2() {
#if defined(__x86_64__)
  return chosen() >= kAvx2;
#else
  return false;
#endif
}

bool useAvx512() {
#if defined(__x86_64__)
  return chosen() == kAvx512;
#else
  return false;
#endif
}

}  // namespace torchopt
