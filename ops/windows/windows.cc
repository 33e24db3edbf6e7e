#include "windows.h"

#include <algorithm>
#include <stdexcept>

namespace torchopt {

namespace {

constexpr int64_t kMaxPlaneElements = int64_t(1) << 46;

int64_t elementsOf(const Extents& extents) {
  int64_t n = 1;
  for (const int64_t d : extents) {
    if (d < 0 || __builtin_mul_overflow(n, d, &n) || n > kMaxPlaneElements)
      throw std::invalid_argument("windows: an extent is negative or too large");
  }
  return n;
}

// Distance of the first from the last of `count` elements `step` apart.
int64_t extent(int64_t count, int64_t step) {
  int64_t reach;
  if (__builtin_mul_overflow(count - 1, step, &reach) || reach > kMaxPlaneElements)
    throw std::invalid_argument("windows: a window reaches too far");
  return reach;
}

// Steps between neighbours along each dimension of a contiguous block.
Extents contiguous(const Extents& extents) {
  Extents steps(extents.size(), 1);
  for (size_t i = extents.size(); i-- > 1;) steps[i - 1] = steps[i] * extents[i];
  return steps;
}

// Calls visit(index) for each index below `extents`, the last dimension fastest.
template <class Visit>
void forEachIndex(const Extents& extents, const Visit& visit) {
  Extents index(extents.size(), 0);
  for (int64_t left = elementsOf(extents); left > 0; --left) {
    visit(index);
    for (size_t i = extents.size(); i-- > 0 && ++index[i] == extents[i];) index[i] = 0;
  }
}

}  // namespace

Windows::Windows(const WindowSpec& spec) {
  const size_t rank = spec.kernel.size();
  for (const Extents* list : {&spec.out, &spec.strides, &spec.low, &spec.dilations}) {
    if (list->size() != rank) throw std::invalid_argument("windows: lists differ in length");
    elementsOf(*list);
  }
  if (rank == 0 || spec.sizes.size() != rank + 2)
    throw std::invalid_argument("windows: x wants a sample, a channel and spatial dimensions");
  elementsOf(spec.sizes);
  examples = spec.examples;
  if (examples < 1 || spec.sizes[0] % examples != 0)
    throw std::invalid_argument("windows: the samples cannot be split into the examples");
  samples = spec.sizes[0] / examples;
  channels = spec.sizes[1];
  const Extents sizes(spec.sizes.begin() + 2, spec.sizes.end());
  planeSize = elementsOf(sizes);

  Extents reach(rank);
  padded = false;
  for (size_t i = 0; i < rank; ++i) {
    if (spec.kernel[i] < 1 || spec.out[i] < 1 || spec.strides[i] < 1 || spec.dilations[i] < 1)
      throw std::invalid_argument("windows: a window, step or result is empty");
    reach[i] = extent(spec.out[i], spec.strides[i]) + extent(spec.kernel[i], spec.dilations[i]) + 1;
    padded |= reach[i] > sizes[i] || spec.low[i] != 0;
  }
  if (!padded) reach = sizes;
  paddedSize = elementsOf(reach);
  elementsOf({planes(), elementsOf(spec.kernel), elementsOf(spec.out)});

  const Extents plane = contiguous(sizes), extended = contiguous(reach);
  const size_t last = rank - 1;
  // Rows of the plane that lie inside of the padded one.
  const int64_t length = std::min(sizes[last], reach[last] - spec.low[last]);
  Extents rows(sizes.begin(), sizes.end() - 1);
  forEachIndex(rows, [&](const Extents& index) {
    Row row{0, spec.low[last], length};
    bool inside = length > 0;
    for (size_t i = 0; i < last; ++i) {
      const int64_t at = index[i] + spec.low[i];
      inside &= at < reach[i];
      row.from += index[i] * plane[i];
      row.to += at * extended[i];
    }
    if (inside) this->inside.push_back(row);
  });
  forEachIndex(spec.kernel, [&](const Extents& index) {
    int64_t offset = 0;
    for (size_t i = 0; i < rank; ++i) offset += index[i] * spec.dilations[i] * extended[i];
    tapOffsets.push_back(offset);
  });
  rowLength = spec.out[last];
  rowStride = spec.strides[last];
  forEachIndex({spec.out.begin(), spec.out.end() - 1}, [&](const Extents& index) {
    int64_t offset = 0;
    for (size_t i = 0; i < last; ++i) offset += index[i] * spec.strides[i] * extended[i];
    rowOffsets.push_back(offset);
  });
  // Rows that follow one another in memory are one.
  const int64_t step = rowLength * rowStride;
  const auto breaks = [&](int64_t a, int64_t b) { return b - a != step; };
  if (std::adjacent_find(rowOffsets.begin(), rowOffsets.end(), breaks) == rowOffsets.end()) {
    rowLength *= int64_t(rowOffsets.size());
    rowOffsets.resize(1);
  }
}

}  // namespace torchopt
