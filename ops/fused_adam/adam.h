// One step of Adam over any number of tensors, in one pass over memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../common/parallel.h"

namespace torchopt {

template <class T>
struct AdamScalars {
  T b1, omb1, b2, omb2, eps, epsRoot;
  T s = 0, wd = 0;  // step size and weight decay, where the update is applied
};

// u is p' where the update is applied. Outputs may be exactly m, v, p or g.
template <class T>
struct AdamTensor {
  T c1, c2;
  const T *g, *m, *v, *p;
  T *u, *mOut, *vOut;
};

//   m' = b1 m + omb1 g,  v' = b2 v + omb2 g g,  u = (m' / c1) / (sqrt(v' / c2 + epsRoot) + eps),
//   p' = p + s (u + wd p), over elements [begin, end).
template <class T>
using AdamLoop = void (*)(const AdamScalars<T>&, const AdamTensor<T>&, size_t begin, size_t end);

// The best loop for this machine.
template <class T>
AdamLoop<T> adamLoop(bool apply);

// A run of elements of one tensor.
struct AdamTask {
  size_t tensor, begin, end;
};

// Shares all tensors out in pieces of about equal work.
std::vector<AdamTask> adamTasks(const std::vector<int64_t>& sizes);

template <class T>
void runAdam(const std::vector<AdamTask>& tasks, bool apply, const AdamScalars<T>& scalars,
             const AdamTensor<T>* tensors, const Parallel& parallel);

}  // namespace torchopt
