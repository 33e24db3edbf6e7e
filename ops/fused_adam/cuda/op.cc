#include "../../cuda/op.h"

#include "../attributes.h"
#include "../op.h"
#include "launch.h"

namespace torchopt {

namespace {

template <class T>
class AdamCudaKernel {
 public:
  static constexpr const char* kName = sizeof(T) == 4 ? "FusedAdamF32" : "FusedAdamF64";
  static constexpr const char* kProvider = cuda::kCudaProvider;
  static constexpr size_t kInputs = kAny, kOutputs = kAny;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }

  explicit AdamCudaKernel(const ort::KernelInfo* info) : node_(info) {}

  ort::Status* compute(ort::KernelContext* context) const {
    if (auto* status = node_.checkInputs(context)) return status;
    cuda::AdamBatch<T> batch{};
    const T** const targets[] = {&batch.b1,  &batch.omb1,    &batch.b2, &batch.omb2,
                                 &batch.eps, &batch.epsRoot, &batch.s,  &batch.wd};
    size_t input = 0, output = 0;
    for (; input < node_.scalars(); ++input) {
      if (auto* status = inputData(context, input, const_cast<T**>(targets[input]))) return status;
    }
    std::vector<cuda::AdamPlace<T>> tensors(node_.sizes.size());
    for (size_t k = 0; k < tensors.size(); ++k) {
      cuda::AdamPlace<T>& t = tensors[k];
      t.size = cuda::u64(node_.sizes[k]);
      for (const T** data : {&t.c1, &t.c2, &t.g, &t.m, &t.v, &t.p}) {
        if (data == &t.p && !node_.apply) continue;
        if (auto* status = inputData(context, input++, const_cast<T**>(data))) return status;
      }
      for (T** data : {&t.u, &t.mOut, &t.vOut}) {
        if (auto* status = outputData(context, output++, node_.shapes[k], data)) return status;
      }
    }
    cuda::launchAdam(cuda::streamOf(context), node_.apply, batch, tensors);
    return nullptr;
  }

 private:
  const AdamAttributes node_;
};

}  // namespace

template <class T>
const ort::CustomOp* fusedAdamCudaOp() {
  return customOp<AdamCudaKernel<T>>();
}
template const ort::CustomOp* fusedAdamCudaOp<float>();
template const ort::CustomOp* fusedAdamCudaOp<double>();

}  // namespace torchopt
