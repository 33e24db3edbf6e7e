// Between x and the columns of its windows.

#include <algorithm>
#include <cstring>
#include <memory>

#include "windows.h"

namespace torchopt {

namespace {

// Elements of columns that one task handles, about.
constexpr int64_t kColumnTask = 1 << 15;

// Rows are often 3 to 28 elements long: too short for a call of memcpy to pay.
template <class T>
void copyRow(const T* in, T* out, int64_t n) {
  constexpr int64_t kWide = 32 / sizeof(T), kNarrow = 16 / sizeof(T);
  if (n >= kWide) {
    for (int64_t i = 0; i + kWide <= n; i += kWide) std::memcpy(out + i, in + i, 32);
    std::memcpy(out + n - kWide, in + n - kWide, 32);
  } else if (n >= kNarrow) {
    std::memcpy(out, in, 16);
    std::memcpy(out + n - kNarrow, in + n - kNarrow, 16);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = in[i];
  }
}

template <class T>
void addRow(const T* in, T* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] += in[i];
}

// Calls body(plane, column, scratch) for each plane, some at a time: its number, and where its columns
// begin. The planes of a channel come one after another, as their columns do.
template <class T, class Body>
void forEachPlane(const Windows& w, const Parallel& parallel, const Body& body) {
  const int64_t each = std::max<int64_t>(1, kColumnTask / std::max<int64_t>(1, w.taps() * w.positions()));
  const int64_t tasks = (w.planes() + each - 1) / each, width = w.samples * w.positions();
  parallel(size_t(tasks), [&](size_t task) {
    const auto scratch = std::make_unique<T[]>(w.padded ? size_t(w.paddedSize) : 0);
    const int64_t begin = int64_t(task) * each, end = std::min(begin + each, w.planes());
    for (int64_t p = begin; p < end; ++p) {
      const int64_t sample = p % w.samples, row = p / w.samples;
      const int64_t example = row / w.channels, channel = row % w.channels;
      body((example * w.samples + sample) * w.channels + channel,
           row * w.taps() * width + sample * w.positions(), scratch.get());
    }
  });
}

}  // namespace

template <class T>
void gatherColumns(const Windows& w, const T* x, T* columns, const Parallel& parallel) {
  const int64_t width = w.samples * w.positions();
  forEachPlane<T>(w, parallel, [&](int64_t number, int64_t column, T* scratch) {
    const T* plane = x + number * w.planeSize;
    if (w.padded) {
      // Only the inside is ever written, so that the zeros around it stay.
      for (const Row& r : w.inside) copyRow(plane + r.from, scratch + r.to, r.length);
      plane = scratch;
    }
    T* out = columns + column;
    for (const int64_t tap : w.tapOffsets) {
      T* row = out;
      for (const int64_t offset : w.rowOffsets) {
        const T* in = plane + tap + offset;
        if (w.rowStride == 1) copyRow(in, row, w.rowLength);
        else
          for (int64_t i = 0; i < w.rowLength; ++i) row[i] = in[i * w.rowStride];
        row += w.rowLength;
      }
      out += width;
    }
  });
}

template <class T>
void foldColumns(const Windows& w, const T* columns, T* x, const Parallel& parallel) {
  const int64_t width = w.samples * w.positions();
  forEachPlane<T>(w, parallel, [&](int64_t number, int64_t column, T* scratch) {
    T* plane = x + number * w.planeSize;
    T* sums = w.padded ? scratch : plane;
    std::fill_n(sums, w.paddedSize, T(0));
    const T* in = columns + column;
    for (const int64_t tap : w.tapOffsets) {
      const T* row = in;
      for (const int64_t offset : w.rowOffsets) {
        T* out = sums + tap + offset;
        if (w.rowStride == 1) addRow(row, out, w.rowLength);
        else
          for (int64_t i = 0; i < w.rowLength; ++i) out[i * w.rowStride] += row[i];
        row += w.rowLength;
      }
      in += width;
    }
    if (!w.padded) return;
    std::fill_n(plane, w.planeSize, T(0));
    for (const Row& r : w.inside) copyRow(scratch + r.to, plane + r.from, r.length);
  });
}

template void gatherColumns(const Windows&, const float*, float*, const Parallel&);
template void gatherColumns(const Windows&, const double*, double*, const Parallel&);
template void foldColumns(const Windows&, const float*, float*, const Parallel&);
template void foldColumns(const Windows&, const double*, double*, const Parallel&);

}  // namespace torchopt
