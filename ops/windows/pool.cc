// Maximum of windows with its places, and the way back.

#include <algorithm>
#include <stdexcept>
#include <string>

#include "windows.h"

namespace torchopt {

namespace {

// Results that one task computes, about.
constexpr int64_t kTask = 1 << 13;

}  // namespace

template <class T>
void maxPool(const Windows& w, const T* x, T* values, int64_t* places, const Parallel& parallel) {
  const int64_t each = std::max<int64_t>(1, kTask / std::max<int64_t>(1, w.positions()));
  const int64_t tasks = (w.planes() + each - 1) / each;
  if (w.padded) throw std::invalid_argument("maxPool: a window reaches outside of x");
  parallel(size_t(tasks), [&](size_t task) {
    const int64_t begin = int64_t(task) * each, end = std::min(begin + each, w.planes());
    for (int64_t p = begin; p < end; ++p) {
      const T* plane = x + p * w.planeSize;
      int64_t at = p * w.positions();
      for (const int64_t row : w.rowOffsets) {
        for (int64_t i = 0; i < w.rowLength; ++i, ++at) {
          const int64_t base = row + i * w.rowStride;
          T best = plane[base];
          int64_t place = base;
          for (size_t k = 1; k < w.tapOffsets.size(); ++k) {
            const int64_t here = base + w.tapOffsets[k];
            const T v = plane[here];
            const bool wins = v > best || (v != v && best == best);
            best = wins ? v : best;
            place = wins ? here : place;
          }
          values[at] = best;
          places[at] = p * w.planeSize + place;
        }
      }
    }
  });
}

template <class T>
void scatterZeros(const int64_t* places, const T* source, int64_t count, T* out, int64_t size) {
  std::fill_n(out, size, T(0));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = places[i] < 0 ? places[i] + size : places[i];
    if (at < 0 || at >= size) {
      throw std::out_of_range("scatterAdd: the index " + std::to_string(places[i]) +
                              " is not in a dimension of " + std::to_string(size));
    }
    out[at] += source[i];
  }
}

template void maxPool(const Windows&, const float*, float*, int64_t*, const Parallel&);
template void maxPool(const Windows&, const double*, double*, int64_t*, const Parallel&);
template void scatterZeros(const int64_t*, const float*, int64_t, float*, int64_t);
template void scatterZeros(const int64_t*, const double*, int64_t, double*, int64_t);

}  // namespace torchopt
