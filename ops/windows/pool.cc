// Maximum of windows with its places, and the way back.

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "windows.h"

namespace torchopt {

namespace {

// Results that one task computes, about.
constexpr int64_t kPoolTask = 1 << 13;

// Places within a plane, as wide as the numbers, so that both take the same vector lanes.
template <class T>
using Place = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

// One element of all windows of a row against the largest so far. Stride 0 stands for `step`. There are
// no branches: which element wins is as good as random.
template <int Stride, class T>
void compare(const T* __restrict in, int64_t step, Place<T> first, int64_t n, T* __restrict best,
             Place<T>* __restrict places) {
  const int64_t stride = Stride == 0 ? step : Stride;
  for (int64_t i = 0; i < n; ++i) {
    const T v = in[i * stride], b = best[i];
    const Place<T> here = first + Place<T>(i * stride);
    const bool wins = (v > b) | ((v != v) & (b == b));
    best[i] = wins ? v : b;
    places[i] = wins ? here : places[i];
  }
}

// Where each element of the padded plane is in the plane itself; -1 in the padding.
template <class T>
std::vector<Place<T>> placesOf(const Windows& w) {
  std::vector<Place<T>> places(size_t(w.paddedSize), -1);
  for (const Row& r : w.inside) {
    for (int64_t i = 0; i < r.length; ++i) places[size_t(r.to + i)] = Place<T>(r.from + i);
  }
  return places;
}

}  // namespace

template <class T>
void maxPool(const Windows& w, const T* x, T* values, int64_t* places, const Parallel& parallel) {
  if (sizeof(T) == 4 && std::max(w.planeSize, w.paddedSize) > INT32_MAX)
    throw std::invalid_argument("maxPool: a plane is too large");
  const int64_t each = std::max<int64_t>(1, kPoolTask / std::max<int64_t>(1, w.positions()));
  const int64_t tasks = (w.planes() + each - 1) / each, n = w.rowLength;
  const auto step = w.rowStride == 1 ? compare<1, T> : w.rowStride == 2 ? compare<2, T> : compare<0, T>;
  const std::vector<Place<T>> home = w.padded ? placesOf<T>(w) : std::vector<Place<T>>();
  parallel(size_t(tasks), [&](size_t task) {
    const auto row = std::make_unique<Place<T>[]>(size_t(n));
    std::vector<T> around(home.size(), -std::numeric_limits<T>::infinity());
    const int64_t begin = int64_t(task) * each, end = std::min(begin + each, w.planes());
    for (int64_t p = begin; p < end; ++p) {
      const T* plane = x + p * w.planeSize;
      if (w.padded) {
        // Only the inside is ever written, so that the padding around it never wins.
        for (const Row& r : w.inside)
          std::copy_n(plane + r.from, size_t(r.length), around.data() + r.to);
        plane = around.data();
      }
      const int64_t before = p % (w.samples * w.channels) * w.planeSize;
      int64_t at = p * w.positions();
      for (const int64_t offset : w.rowOffsets) {
        T* best = values + at;
        for (int64_t i = 0; i < n; ++i) {
          best[i] = plane[offset + i * w.rowStride];
          row[size_t(i)] = Place<T>(offset + i * w.rowStride);
        }
        for (size_t k = 1; k < w.tapOffsets.size(); ++k) {
          const int64_t first = offset + w.tapOffsets[k];
          step(plane + first, w.rowStride, Place<T>(first), n, best, row.get());
        }
        if (w.padded) {
          for (int64_t i = 0; i < n; ++i) {
            Place<T> place = home[size_t(row[size_t(i)])];
            // Nothing beat the padding: all of the window is as small, and its first element counts.
            for (size_t k = 0; place < 0 && k < w.tapOffsets.size(); ++k)
              place = home[size_t(offset + i * w.rowStride + w.tapOffsets[k])];
            row[size_t(i)] = place;
          }
        }
        for (int64_t i = 0; i < n; ++i) places[at + i] = before + row[size_t(i)];
        at += n;
      }
    }
  });
}

template <class T>
void scatterZeros(const int64_t* places, const T* source, int64_t rows, int64_t count, T* out,
                  int64_t size, const Parallel& parallel) {
  // Tasks must not throw: a wrong place waits here until all are done.
  std::atomic<const int64_t*> wrong{nullptr};
  parallel(size_t(rows), [&](size_t row) {
    const int64_t* place = places + int64_t(row) * count;
    const T* in = source + int64_t(row) * count;
    T* sums = out + int64_t(row) * size;
    std::fill_n(sums, size, T(0));
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = place[i] < 0 ? place[i] + size : place[i];
      if (at < 0 || at >= size) {
        wrong = place + i;
        return;
      }
      sums[at] += in[i];
    }
  });
  if (wrong.load() != nullptr) {
    throw std::out_of_range("scatterAdd: the index " + std::to_string(*wrong.load()) +
                            " is not in a dimension of " + std::to_string(size));
  }
}

template void maxPool(const Windows&, const float*, float*, int64_t*, const Parallel&);
template void maxPool(const Windows&, const double*, double*, int64_t*, const Parallel&);
template void scatterZeros(const int64_t*, const float*, int64_t, int64_t, float*, int64_t,
                           const Parallel&);
template void scatterZeros(const int64_t*, const double*, int64_t, int64_t, double*, int64_t,
                           const Parallel&);

}  // namespace torchopt
