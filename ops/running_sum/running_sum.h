// Running sums.
#pragma once

#include <cstdint>

#include "../common/parallel.h"

namespace torchopt {

// How x[outer][size][inner] is summed along its middle dimension.
struct RunningSumSpec {
  int64_t outer, size, inner;
  bool exclusive;  // an element's own value is left out
  bool reverse;    // from the end
};

// Sums of float are added up in double.
template <class T>
void runningSum(const RunningSumSpec& spec, const T* x, T* y, const Parallel& parallel);

}  // namespace torchopt
