// Running FusedAdam without ONNX Runtime, for tests.

#include <stdexcept>

#include "../common/errors.h"
#include "../common/export.h"
#include "adam.h"

namespace torchopt {

namespace {

template <class T>
void execute(bool apply, size_t count, const int64_t* sizes, const double* addresses, int threads) {
  const auto next = [&] { return reinterpret_cast<T*>(uintptr_t(*addresses++)); };
  AdamScalars<T> s;
  for (T* target : {&s.b1, &s.omb1, &s.b2, &s.omb2, &s.eps, &s.epsRoot}) *target = *next();
  if (apply) s.s = *next(), s.wd = *next();
  std::vector<AdamTensor<T>> tensors(count);
  for (auto& t : tensors) {
    t.c1 = *next(), t.c2 = *next();
    t.g = next(), t.m = next(), t.v = next();
    t.p = apply ? next() : nullptr;
  }
  for (auto& t : tensors) t.u = next(), t.mOut = next(), t.vOut = next();
  for (size_t k = 0; k < count; ++k) {
    if (sizes[k] < 0) throw std::invalid_argument("FusedAdam: a size is negative");
  }
  runAdam(adamTasks({sizes, sizes + count}), apply, s, tensors.data(), threadParallel(&threads));
}

}  // namespace

}  // namespace torchopt

// Runs one step. Addresses: of each input of the op, then of each output. Returns 0, or 1 with a
// message in torchopt_last_error.
TORCHOPT_EXPORT int32_t
torchopt_fused_adam_exec(int32_t isF64, int32_t apply, size_t count, const int64_t* sizes,
                         const double* addresses, int32_t threads) {
  return torchopt::recordingErrors([&] {
    const auto run = isF64 != 0 ? torchopt::execute<double> : torchopt::execute<float>;
    run(apply != 0, count, sizes, addresses, threads);
  });
}
