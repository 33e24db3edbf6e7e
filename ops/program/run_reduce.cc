// The REDUCE step. Two ways: row by row where the reduced elements are close together, whole rows
// at a time where the kept ones are.

#include <algorithm>

#include "interpreter.h"

namespace torchopt {

namespace {

// Elements per task, and columns per task where there is nothing else to share out.
constexpr int64_t kTaskElements = 1 << 15;
constexpr int64_t kReducedColumns = 1024;

int64_t addressOf(const std::vector<Axis>& axes, size_t rank, int64_t index) {
  int64_t address = 0;
  for (size_t d = rank; d-- > 0; index /= axes[d].size) {
    address += index % axes[d].size * axes[d].stride;
  }
  return address;
}

// Calls body(address, count) for each segment of a group.
template <class Body>
void eachSegment(const ReduceStep& step, int64_t group, const Body& body) {
  const Axis& inner = step.reduced.back();
  const int64_t first = group * step.segmentsPerGroup;
  const int64_t last = std::min(first + step.segmentsPerGroup, step.segments);
  for (int64_t i = first; i < last; ++i) {
    const int64_t begin = i % step.segmentsPerAxis * step.segment;
    const int64_t address =
        addressOf(step.reduced, step.reduced.size() - 1, i / step.segmentsPerAxis);
    body(address + begin * inner.stride, std::min(step.segment, inner.size - begin));
  }
}

template <class T>
class Reduction {
 public:
  Reduction(const Program<T>& program, const ReduceStep& step, Context<T>& context)
      : kernels_(*program.kernels),
        step_(step),
        in_(context.buffers[step.in] + step.offset),
        out_(context.buffers[step.out]) {
    if (step.scratch < 0) return;
    values_ = context.scratch(step.scratch);
    rests_ = values_ + step.groups * step.outputs;
  }

  void rows(const Parallel& parallel) const {
    const int64_t groups = step_.groups;
    const int64_t perTask =
        groups > 1 ? 1 : std::max<int64_t>(1, kTaskElements / std::max<int64_t>(step_.length, 1));
    const int64_t total = step_.outputs * groups;
    // Rows of adjacent elements at even distances.
    const bool simple =
        step_.segments == 1 && step_.reduced.back().stride == 1 && step_.kept.size() <= 1;
    const int64_t keptStride = step_.kept.empty() ? 0 : step_.kept[0].stride;
    const auto task = [&](size_t i) {
      const int64_t begin = int64_t(i) * perTask, end = std::min(begin + perTask, total);
      if (simple) {
        kernels_.reduceRows(step_.kind, in_ + begin * keptStride, size_t(end - begin), keptStride,
                            size_t(step_.length), out_ + begin);
        return;
      }
      for (int64_t j = begin; j < end; ++j) row(j / groups, j % groups);
    };
    if (step_.parallel) parallel(size_t((total + perTask - 1) / perTask), task);
    else Parallel()(size_t((total + perTask - 1) / perTask), task);
    if (groups == 1) return;
    for (int64_t o = 0; o < step_.outputs; ++o) {
      T* value = values_ + o * groups;
      T* rest = rests_ + o * groups;
      for (int64_t g = 1; g < groups; ++g)
        kernels_.joinPartials(step_.kind, 1, value, rest, value + g, rest + g);
      kernels_.settle(step_.kind, 1, value, rest, out_ + o);
    }
  }

  void columns(const Parallel& parallel) const {
    const int64_t cols = step_.kept.back().size,
                  planes = step_.outputs / std::max<int64_t>(cols, 1);
    const int64_t parts = planes * step_.groups;
    const int64_t strips = parts >= 16 ? 1 : (cols + kReducedColumns - 1) / kReducedColumns;
    const int64_t width = strips == 1 ? cols : kReducedColumns;
    const auto task = [&](size_t i) {
      const int64_t strip = int64_t(i) % strips, part = int64_t(i) / strips;
      const int64_t begin = strip * width;
      plane(part / step_.groups, part % step_.groups, begin, std::min(width, cols - begin));
    };
    if (step_.parallel) parallel(size_t(parts * strips), task);
    else Parallel()(size_t(parts * strips), task);
    if (step_.scratch < 0) return;
    for (int64_t p = 0; p < planes; ++p) {
      T* value = values_ + p * step_.groups * cols;
      T* rest = rests_ + p * step_.groups * cols;
      for (int64_t g = 1; g < step_.groups; ++g) {
        kernels_.joinPartials(step_.kind, size_t(cols), value, rest, value + g * cols,
                              rest + g * cols);
      }
      kernels_.settle(step_.kind, size_t(cols), value, rest, out_ + p * cols);
    }
  }

 private:
  void row(int64_t output, int64_t group) const {
    const T* base = in_ + addressOf(step_.kept, step_.kept.size(), output);
    const ptrdiff_t stride = step_.reduced.back().stride;
    Accumulator<T> all = kernels_.reduceRow(step_.kind, base, 0, 1);
    eachSegment(step_, group, [&](int64_t address, int64_t count) {
      const Accumulator<T> x =
          kernels_.reduceRow(step_.kind, base + address, size_t(count), stride);
      kernels_.joinPartials(step_.kind, 1, &all.value, &all.rest, &x.value, &x.rest);
    });
    const int64_t at = output * step_.groups + group;
    if (step_.groups == 1) kernels_.settle(step_.kind, 1, &all.value, &all.rest, out_ + output);
    else values_[at] = all.value, rests_[at] = all.rest;
  }

  void plane(int64_t plane, int64_t group, int64_t begin, int64_t cols) const {
    const int64_t width = step_.kept.back().size;
    const T* base = in_ + addressOf(step_.kept, step_.kept.size() - 1, plane) + begin;
    const ptrdiff_t stride = step_.reduced.back().stride;
    if (step_.scratch < 0) {
      const size_t rows = size_t(step_.length);
      kernels_.reduceColumns(step_.kind, base, rows, stride, size_t(cols),
                             out_ + plane * width + begin, nullptr, false);
      return;
    }
    const int64_t at = (plane * step_.groups + group) * width + begin;
    bool resume = false;
    eachSegment(step_, group, [&](int64_t address, int64_t count) {
      kernels_.reduceColumns(step_.kind, base + address, size_t(count), stride, size_t(cols),
                             values_ + at, rests_ + at, resume);
      resume = true;
    });
  }

  const Kernels<T>& kernels_;
  const ReduceStep& step_;
  const T* in_;
  T* out_;
  T* values_ = nullptr;
  T* rests_ = nullptr;
};

}  // namespace

template <class T>
void runReduce(const Program<T>& program, const ReduceStep& step, Context<T>& context,
               const Parallel& parallel) {
  if (step.outputs == 0) return;
  const Reduction<T> reduction(program, step, context);
  if (step.columns) reduction.columns(parallel);
  else reduction.rows(parallel);
}

template void runReduce(const Program<float>&, const ReduceStep&, Context<float>&, const Parallel&);
template void runReduce(const Program<double>&, const ReduceStep&, Context<double>&,
                        const Parallel&);

}  // namespace torchopt
