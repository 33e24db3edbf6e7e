// Walking strided views.

#include <algorithm>
#include <cstring>

#include "decoder.h"
#include "interpreter.h"

namespace torchopt {

namespace {

// The position in a view, all axes but the innermost.
class Position {
 public:
  Position(const std::vector<Axis>& axes, int64_t row) : axes_(axes) {
    const size_t rank = axes.size() - 1;
    for (size_t d = rank; d-- > 0; row /= axes[d].size) {
      index_[d] = row % axes[d].size;
      address_ += row % axes[d].size * axes[d].stride;
    }
  }
  int64_t address() const { return address_; }
  // Rows up to the end of the axis before the innermost, and the distance of two of them.
  int64_t left() const {
    const size_t d = axes_.size() - 2;
    return axes_.size() < 2 ? 1 : axes_[d].size - index_[d];
  }
  int64_t stride() const { return axes_.size() < 2 ? 0 : axes_[axes_.size() - 2].stride; }
  // Goes on by at most `left` rows.
  void advance(int64_t rows = 1) {
    for (size_t d = axes_.size() - 1; d-- > 0; rows = 1) {
      address_ += rows * axes_[d].stride;
      if ((index_[d] += rows) < axes_[d].size) return;
      address_ -= axes_[d].size * axes_[d].stride;
      index_[d] = 0;
    }
  }

 private:
  const std::vector<Axis>& axes_;
  int64_t index_[kMaxRank + 1];
  int64_t address_ = 0;
};

template <class T>
void copyStrided(const T* source, int64_t stride, int64_t count, T* out) {
  if (stride == 1) {
    std::memcpy(out, source, size_t(count) * sizeof(T));
  } else if (stride == 0) {
    std::fill_n(out, count, *source);
  } else {
    for (int64_t i = 0; i < count; ++i) out[i] = source[i * stride];
  }
}

// Rows shorter than this are copied without the cost of a library call.
constexpr int64_t kShortRow = 16;
// Elements that make it worth waking other threads, and output rows per task.
constexpr int64_t kParallelElements = 1 << 17;
constexpr int64_t kTaskRows = 64;

}  // namespace

template <class T>
void copyRows(const Kernels<T>& kernels, const T* source, const std::vector<Axis>& axes,
              int64_t start, int64_t count, T* out) {
  const Axis inner = axes.back();
  Position position(axes, start / inner.size);
  int64_t skip = start % inner.size;
  while (count > 0) {
    const int64_t part = std::min(inner.size - skip, count);
    const T* from = source + position.address() + skip * inner.stride;
    int64_t rows = 1;
    if (inner.stride == 0) {
      // Whole rows, as far as they lie at even distances.
      if (part == inner.size) rows = std::min(position.left(), count / inner.size);
      kernels.spread(from, position.stride(), out, size_t(rows), size_t(part));
    } else if (part < kShortRow) {
      for (int64_t i = 0; i < part; ++i) out[i] = from[i * inner.stride];
    } else {
      copyStrided(from, inner.stride, part, out);
    }
    out += rows * part;
    count -= rows * part;
    skip = 0;
    if (count > 0) position.advance(rows);
  }
}

template <class T>
void copyView(const Kernels<T>& kernels, const T* source, const ViewCopy& copy, T* out,
              const Parallel& parallel) {
  const int64_t total = copy.blocks * copy.rows * copy.inner.size;
  const bool shared = total >= kParallelElements && copy.rows >= 2 * kTaskRows;
  const int64_t rows = shared ? kTaskRows : copy.rows;
  const int64_t parts = (copy.rows + rows - 1) / rows;
  const auto task = [&](size_t i) {
    const int64_t block = int64_t(i) / parts, row = int64_t(i) % parts * rows;
    const T* from = source + Position(copy.from, block).address() + row;
    T* to = out + Position(copy.to, block).address() + row * copy.rowStride;
    if (copy.transposes) {
      kernels.transpose(from, copy.inner.stride, to, copy.rowStride, size_t(copy.inner.size),
                        size_t(std::min(rows, copy.rows - row)));
    } else {
      copyStrided(from, copy.inner.stride, copy.inner.size, to);
    }
  };
  if (total >= kParallelElements) parallel(size_t(copy.blocks * parts), task);
  else Parallel()(size_t(copy.blocks * parts), task);
}

template void copyRows(const Kernels<float>&, const float*, const std::vector<Axis>&, int64_t,
                       int64_t, float*);
template void copyRows(const Kernels<double>&, const double*, const std::vector<Axis>&, int64_t,
                       int64_t, double*);
template void copyView(const Kernels<float>&, const float*, const ViewCopy&, float*,
                       const Parallel&);
template void copyView(const Kernels<double>&, const double*, const ViewCopy&, double*,
                       const Parallel&);

}  // namespace torchopt
