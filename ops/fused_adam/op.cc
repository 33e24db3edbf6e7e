#include "op.h"

#include "../common/custom_op.h"
#include "adam.h"
#include "attributes.h"

namespace torchopt {

namespace {

template <class T>
class AdamKernel {
 public:
  static constexpr const char* kName = sizeof(T) == 4 ? "FusedAdamF32" : "FusedAdamF64";
  static constexpr size_t kInputs = kAny, kOutputs = kAny;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }

  explicit AdamKernel(const ort::KernelInfo* info) : node_(info), tasks_(adamTasks(node_.sizes)) {}

  ort::Status* compute(ort::KernelContext* context) const {
    if (auto* status = node_.checkInputs(context)) return status;
    AdamScalars<T> scalars;
    T* const targets[] = {&scalars.b1,  &scalars.omb1,    &scalars.b2, &scalars.omb2,
                          &scalars.eps, &scalars.epsRoot, &scalars.s,  &scalars.wd};
    size_t input = 0, output = 0;
    for (; input < node_.scalars(); ++input) {
      if (auto* status = scalar(context, input, targets[input])) return status;
    }
    std::vector<AdamTensor<T>> tensors(node_.sizes.size());
    for (size_t k = 0; k < tensors.size(); ++k) {
      AdamTensor<T>& t = tensors[k];
      if (auto* status = scalar(context, input++, &t.c1)) return status;
      if (auto* status = scalar(context, input++, &t.c2)) return status;
      for (const T** data : {&t.g, &t.m, &t.v, &t.p}) {
        if (data == &t.p && !node_.apply) continue;
        if (auto* status = inputData(context, input++, const_cast<T**>(data))) return status;
      }
      for (T** data : {&t.u, &t.mOut, &t.vOut}) {
        if (auto* status = outputData(context, output++, node_.shapes[k], data)) return status;
      }
    }
    runAdam(tasks_, node_.apply, scalars, tensors.data(), ortParallel(context));
    return nullptr;
  }

 private:
  static ort::Status* scalar(ort::KernelContext* context, size_t input, T* value) {
    T* data = nullptr;
    if (auto* status = inputData(context, input, &data)) return status;
    *value = *data;
    return nullptr;
  }

  const AdamAttributes node_;
  const std::vector<AdamTask> tasks_;
};

}  // namespace

template <class T>
const ort::CustomOp* fusedAdamOp() {
  return customOp<AdamKernel<T>>();
}
template const ort::CustomOp* fusedAdamOp<float>();
template const ort::CustomOp* fusedAdamOp<double>();

}  // namespace torchopt
