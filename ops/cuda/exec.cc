// Running kernels without ONNX Runtime, on the CPU or on a GPU, for tests.

#include <stdexcept>
#include <string>
#include <vector>

#include "../common/errors.h"
#include "../fused_adam/adam.h"
#include "../fused_adam/cuda/launch.h"

namespace torchopt {

namespace {

// What a call hands over: whole numbers, and an address for each input and output.
class Call {
 public:
  Call(bool onGpu, const int64_t* numbers, const double* addresses)
      : onGpu(onGpu), numbers_(numbers), addresses_(addresses) {}

  int64_t number() { return *numbers_++; }
  std::vector<int64_t> list(int64_t size) {
    std::vector<int64_t> values(numbers_, numbers_ + size);
    numbers_ += size;
    return values;
  }
  template <class T>
  T* address() {
    return reinterpret_cast<T*>(uintptr_t(*addresses_++));
  }

  const bool onGpu;

 private:
  const int64_t* numbers_;
  const double* addresses_;
};

const cuda::Stream kStream = nullptr;

// apply, number of tensors, their sizes; the inputs and outputs of the op.
template <class T>
void fusedAdam(Call& call) {
  const bool apply = call.number() != 0;
  const std::vector<int64_t> sizes = call.list(call.number());
  cuda::AdamBatch<T> batch{};
  for (const T** target : {&batch.b1, &batch.omb1, &batch.b2, &batch.omb2, &batch.eps, &batch.epsRoot})
    *target = call.address<T>();
  if (apply) batch.s = call.address<T>(), batch.wd = call.address<T>();
  std::vector<cuda::AdamPlace<T>> places(sizes.size());
  for (size_t k = 0; k < sizes.size(); ++k) {
    cuda::AdamPlace<T>& t = places[k];
    t.size = cuda::u64(sizes[k]);
    for (const T** target : {&t.c1, &t.c2, &t.g, &t.m, &t.v}) *target = call.address<T>();
    t.p = apply ? call.address<T>() : nullptr;
  }
  for (auto& t : places) {
    for (T** target : {&t.u, &t.mOut, &t.vOut}) *target = call.address<T>();
  }
  if (call.onGpu) return cuda::launchAdam(kStream, apply, batch, places);
  AdamScalars<T> scalars{*batch.b1, *batch.omb1, *batch.b2, *batch.omb2, *batch.eps, *batch.epsRoot,
                         0, 0};
  if (apply) scalars.s = *batch.s, scalars.wd = *batch.wd;
  std::vector<AdamTensor<T>> tensors;
  for (const auto& t : places)
    tensors.push_back({*t.c1, *t.c2, t.g, t.m, t.v, t.p, t.u, t.mOut, t.vOut});
  runAdam(adamTasks(sizes), apply, scalars, tensors.data(), Parallel());
}

struct Entry {
  const char* name;
  void (*run[2])(Call&);  // float, double
};

const Entry kEntries[] = {
    {"FusedAdam", {fusedAdam<float>, fusedAdam<double>}},
};

}  // namespace

}  // namespace torchopt

// Runs a kernel: its name without the type, the numbers that its function above reads, and an address for
// each input and output. Returns 0, or 1 with a message in torchopt_last_error.
extern "C" __attribute__((visibility("default"))) int32_t torchopt_exec(int32_t onGpu, int32_t isF64,
                                                                        const char* name,
                                                                        const int64_t* numbers,
                                                                        const double* addresses) {
  return torchopt::recordingErrors([&] {
    torchopt::Call call(onGpu != 0, numbers, addresses);
    for (const torchopt::Entry& entry : torchopt::kEntries) {
      if (std::string(name) == entry.name) return entry.run[isF64 != 0 ? 1 : 0](call);
    }
    throw std::invalid_argument("there is no kernel " + std::string(name));
  });
}
