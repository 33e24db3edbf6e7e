// Windows that slide over the spatial dimensions of x [N, C, ...sizes]: what convolutions see.
#pragma once

#include <cstdint>
#include <vector>

#include "../common/parallel.h"

namespace torchopt {

using Extents = std::vector<int64_t>;

// Sizes of x, then one number for each spatial dimension: window, results, step, zeros in front of x,
// distance of the window's elements. The samples are split into equal parts, the examples: each has
// columns of its own, and places count within it.
struct WindowSpec {
  Extents sizes, kernel, out, strides, low, dilations;
  int64_t examples = 1;
};

// A copy of elements within a plane (the spatial dimensions of one channel of one sample).
struct Row {
  int64_t from, to, length;
};

// A WindowSpec worked out. The padded plane is the plane where windows stay inside of it, and otherwise
// holds just the elements that they reach.
class Windows {
 public:
  // Throws std::invalid_argument where the numbers do not fit together.
  explicit Windows(const WindowSpec& spec);

  int64_t planes() const { return examples * samples * channels; }
  int64_t taps() const { return int64_t(tapOffsets.size()); }
  int64_t positions() const { return int64_t(rowOffsets.size()) * rowLength; }
  int64_t columnsSize() const { return planes() * taps() * positions(); }

  int64_t examples, samples, channels;  // samples of one example
  int64_t planeSize, paddedSize;
  bool padded;                      // whether the padded plane differs from the plane
  std::vector<Row> inside;          // plane to padded plane
  std::vector<int64_t> tapOffsets;  // of each window element, in the padded plane
  std::vector<int64_t> rowOffsets;  // of each row of results, in the padded plane
  int64_t rowLength, rowStride;
};

// columns [C * taps, N * positions] for each example: what each element of the window meets at every
// place.
template <class T>
void gatherColumns(const Windows& windows, const T* x, T* columns, const Parallel& parallel);

// The adjoint: each element of x is the sum of the columns' elements that were copied from it.
template <class T>
void foldColumns(const Windows& windows, const T* columns, T* x, const Parallel& parallel);

// Largest element of each window and its place in the example; the first of equals, NaN before all.
// What is outside of x never wins; each window has to meet x.
template <class T>
void maxPool(const Windows& windows, const T* x, T* values, int64_t* places,
             const Parallel& parallel);

// In each of `rows` rows: adds `count` numbers to `size` zeros at `places`, which count from the end
// where they are negative. Throws std::out_of_range.
template <class T>
void scatterZeros(const int64_t* places, const T* source, int64_t rows, int64_t count, T* out,
                  int64_t size, const Parallel& parallel);

}  // namespace torchopt
