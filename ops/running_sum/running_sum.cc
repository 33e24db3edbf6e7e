#include "running_sum.h"

#include <algorithm>

namespace torchopt {

namespace {

// Elements that one task handles, about, and neighbours that are summed side by side.
constexpr int64_t kTask = 1 << 15, kWidth = 64;

// One sum; `step` leads from one element to the next. Minus zero is what changes no number that is added
// to it.
template <class T>
void sumOne(const RunningSumSpec& spec, const T* x, T* y, int64_t step) {
  double sum = spec.exclusive ? 0.0 : -0.0;
  for (int64_t i = 0; i < spec.size; ++i, x += step, y += step) {
    const double next = sum + double(*x);
    *y = T(spec.exclusive ? sum : next);
    sum = next;
  }
}

// Sums of `width` neighbours.
template <class T>
void sumMany(const RunningSumSpec& spec, const T* x, T* y, int64_t step, int64_t width) {
  double sums[kWidth];
  std::fill_n(sums, width, spec.exclusive ? 0.0 : -0.0);
  for (int64_t i = 0; i < spec.size; ++i, x += step, y += step) {
    for (int64_t k = 0; k < width; ++k) {
      const double next = sums[k] + double(x[k]);
      y[k] = T(spec.exclusive ? sums[k] : next);
      sums[k] = next;
    }
  }
}

}  // namespace

template <class T>
void runningSum(const RunningSumSpec& spec, const T* x, T* y, const Parallel& parallel) {
  const int64_t groups = (spec.inner + kWidth - 1) / kWidth, all = spec.outer * groups;
  if (all == 0 || spec.size == 0) return;
  const int64_t each = std::max<int64_t>(1, kTask / (spec.size * std::min(spec.inner, kWidth)));
  const int64_t step = spec.reverse ? -spec.inner : spec.inner;
  parallel(size_t((all + each - 1) / each), [&](size_t task) {
    const int64_t begin = int64_t(task) * each, end = std::min(begin + each, all);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t column = i % groups * kWidth;
      int64_t at = i / groups * spec.size * spec.inner + column;
      if (spec.reverse) at += (spec.size - 1) * spec.inner;
      if (spec.inner == 1) sumOne(spec, x + at, y + at, step);
      else sumMany(spec, x + at, y + at, step, std::min(kWidth, spec.inner - column));
    }
  });
}

template void runningSum(const RunningSumSpec&, const float*, float*, const Parallel&);
template void runningSum(const RunningSumSpec&, const double*, double*, const Parallel&);

}  // namespace torchopt
