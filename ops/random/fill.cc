// The exported function: fills an array that JavaScript holds.

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstdint>

#include "../common/export.h"
#include "../common/parallel.h"
#include "random.h"

namespace torchopt {
namespace {

// Numbers per task.
constexpr size_t kFillChunk = 1 << 16;

// Fresh memory comes in pages as it is written first, and in large ones it comes in half the time.
constexpr size_t kLargePage = 1 << 21;
void wantLargePages(void* memory, size_t bytes) {
#if defined(__linux__)
  const uintptr_t begin = reinterpret_cast<uintptr_t>(memory), end = begin + bytes;
  const uintptr_t first = (begin + kLargePage - 1) / kLargePage * kLargePage;
  const uintptr_t last = end / kLargePage * kLargePage;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#else
  (void)memory, (void)bytes;
#endif
}

template <class T>
void fillAll(const RandomSource& source, bool normal, T* out, size_t count, int threads) {
  const RandomLoop<T> loop = randomLoop<T>(normal);
  wantLargePages(out, count * sizeof(T));
  const size_t tasks = (count + kFillChunk - 1) / kFillChunk;
  threads = std::min<int>(threads, int(std::min<size_t>(tasks, 1024)));
  threadParallel(&threads)(tasks, [&](size_t i) {
    loop(source, out, i * kFillChunk, std::min((i + 1) * kFillChunk, count));
  });
}

}  // namespace
}  // namespace torchopt

// Fills `out` with `count` numbers, uniform on [0, 1) or standard normal. `key` holds the two words of
// the key, `offset` is the number of the first block. Returns 0, or 1 where a thread failed.
TORCHOPT_EXPORT int32_t
torchopt_random_fill(int32_t isF64, int32_t normal, void* out, double count, const uint32_t* key,
                     double offset, int32_t threads) {
  try {
    const torchopt::RandomSource source{key[0], key[1], uint64_t(offset)};
    if (isF64 != 0) {
      torchopt::fillAll(source, normal != 0, static_cast<double*>(out), size_t(count), threads);
    } else {
      torchopt::fillAll(source, normal != 0, static_cast<float*>(out), size_t(count), threads);
    }
    return 0;
  } catch (...) {
    return 1;
  }
}
