#include "op.h"

#include <stdexcept>

#include "../common/custom_op.h"
#include "adam.h"

namespace torchopt {

namespace {

// Inputs ahead of the tensors: b1, omb1, b2, omb2, eps, epsRoot, and with `apply` also s and wd.
constexpr size_t kScalars = 6, kApplyScalars = 8;
constexpr int64_t kMaxElements = int64_t(1) << 46;

template <class T>
class AdamKernel {
 public:
  static constexpr const char* kName = sizeof(T) == 4 ? "FusedAdamF32" : "FusedAdamF64";
  static constexpr size_t kInputs = kAny, kOutputs = kAny;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }

  explicit AdamKernel(const ort::KernelInfo* info)
      : AdamKernel(integers(info, "sizes"), integers(info, "dims"), integer(info, "apply") != 0) {}

  AdamKernel(const std::vector<int64_t>& sizes, const std::vector<int64_t>& dims, bool apply)
      : apply_(apply), sizes_(sizes), shapes_(readShapes(sizes, dims)), tasks_(adamTasks(sizes)) {}

  ort::Status* compute(ort::KernelContext* context) const {
    const size_t scalarCount = apply_ ? kApplyScalars : kScalars, perTensor = apply_ ? 6 : 5;
    size_t inputs = 0;
    if (auto* status = ort::KernelContextGetInputCount(context, &inputs)) return status;
    if (inputs != scalarCount + perTensor * sizes_.size()) {
      return invalid("FusedAdam: got " + std::to_string(inputs) + " inputs for " +
                     std::to_string(sizes_.size()) + " tensors, wants " +
                     std::to_string(scalarCount + perTensor * sizes_.size()));
    }
    AdamScalars<T> scalars;
    T* const targets[kApplyScalars] = {&scalars.b1,  &scalars.omb1,    &scalars.b2, &scalars.omb2,
                                       &scalars.eps, &scalars.epsRoot, &scalars.s,  &scalars.wd};
    size_t input = 0, output = 0;
    for (; input < scalarCount; ++input) {
      if (auto* status = scalar(context, input, targets[input])) return status;
    }
    std::vector<AdamTensor<T>> tensors(sizes_.size());
    for (size_t k = 0; k < sizes_.size(); ++k) {
      AdamTensor<T>& t = tensors[k];
      if (auto* status = scalar(context, input++, &t.c1)) return status;
      if (auto* status = scalar(context, input++, &t.c2)) return status;
      for (const T** data : {&t.g, &t.m, &t.v, &t.p}) {
        if (data == &t.p && !apply_) continue;
        if (auto* status = inputData(context, input++, const_cast<T**>(data))) return status;
      }
      for (T** data : {&t.u, &t.mOut, &t.vOut}) {
        if (auto* status = outputData(context, output++, shapes_[k], data)) return status;
      }
    }
    runAdam(tasks_, apply_, scalars, tensors.data(), ortParallel(context));
    return nullptr;
  }

 private:
  static std::vector<std::vector<int64_t>> readShapes(const std::vector<int64_t>& sizes,
                                                      const std::vector<int64_t>& dims) {
    std::vector<std::vector<int64_t>> shapes;
    size_t at = 0;
    for (const int64_t size : sizes) {
      if (at >= dims.size() || dims[at] < 0 || size_t(dims[at]) > dims.size() - at - 1) {
        throw std::invalid_argument(
            "FusedAdam: dims does not hold a rank and its dimensions per tensor");
      }
      const auto begin = dims.begin() + int64_t(at) + 1;
      shapes.emplace_back(begin, begin + dims[at]);
      at += size_t(dims[at]) + 1;
      int64_t product = 1;
      for (const int64_t d : shapes.back()) {
        if (d < 0 || __builtin_mul_overflow(product, d, &product) || product > kMaxElements) {
          throw std::invalid_argument("FusedAdam: a shape is negative or too large");
        }
      }
      if (product != size) {
        throw std::invalid_argument("FusedAdam: size " + std::to_string(size) +
                                    " is not that of its shape, " + std::to_string(product));
      }
    }
    if (at != dims.size())
      throw std::invalid_argument("FusedAdam: dims has shapes for more tensors than sizes");
    return shapes;
  }

  static ort::Status* scalar(ort::KernelContext* context, size_t input, T* value) {
    T* data = nullptr;
    if (auto* status = inputData(context, input, &data)) return status;
    *value = *data;
    return nullptr;
  }

  bool apply_;
  std::vector<int64_t> sizes_;
  std::vector<std::vector<int64_t>> shapes_;
  std::vector<AdamTask> tasks_;
};

}  // namespace

template <class T>
const ort::CustomOp* fusedAdamOp() {
  return customOp<AdamKernel<T>>();
}
template const ort::CustomOp* fusedAdamOp<float>();
template const ort::CustomOp* fusedAdamOp<double>();

}  // namespace torchopt
