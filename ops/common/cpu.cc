#include "cpu.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace torchopt {

namespace {

#if defined(__x86_64__)
enum Level { kBase, kAvx2, kAvx512 };

// What the processor has and the system saves registers for. Not by __builtin_cpu_supports, which takes a
// run-time library that not every compiler brings.
Level available() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_FMA) == 0 || (c & bit_OSXSAVE) == 0) return kBase;
  unsigned saved = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  constexpr unsigned kWide = bit_AVX512F | bit_AVX512DQ | bit_AVX512VL | bit_AVX512BW;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return kBase;
  if ((saved & 0x6) != 0x6 || (b & bit_AVX2) == 0) return kBase;
  return (saved & 0xe6) == 0xe6 && (b & kWide) == kWide ? kAvx512 : kAvx2;
}

// The same, up to what TORCHOPT_SIMD names.
Level level() {
  const char* named = getenv("TORCHOPT_SIMD");
  const Level most = named == nullptr              ? kAvx512
                     : strcmp(named, "base") == 0 ? kBase
                     : strcmp(named, "avx2") == 0 ? kAvx2
                                                  : kAvx512;
  const Level found = available();
  return found < most ? found : most;
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
