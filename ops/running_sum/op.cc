#include "op.h"

#include <stdexcept>

#include "../cuda/op.h"
#include "cuda/launch.h"
#include "running_sum.h"

namespace torchopt {

namespace {

template <class T, bool Gpu>
struct RunningSum {
  static constexpr const char* kProvider = Gpu ? cuda::kCudaProvider : nullptr;
  static constexpr const char* kName = sizeof(T) == 4 ? "RunningSumF32" : "RunningSumF64";
  static constexpr size_t kInputs = 1, kOutputs = 1;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }

  explicit RunningSum(const ort::KernelInfo* info)
      : shape(integers(info, "shape")),
        spec{1, 1, 1, integer(info, "exclusive") != 0, integer(info, "reverse") != 0} {
    const int64_t axis = integer(info, "axis");
    if (axis < 0 || axis >= int64_t(shape.size())) {
      throw std::invalid_argument("runningSum: there is no such axis");
    }
    for (int64_t d = 0; d < int64_t(shape.size()); ++d) {
      int64_t* part = d < axis ? &spec.outer : d == axis ? &spec.size : &spec.inner;
      if (shape[d] < 0 || __builtin_mul_overflow(*part, shape[d], part) ||
          __builtin_mul_overflow(elements, shape[d], &elements)) {
        throw std::invalid_argument("runningSum: a dimension is negative or too large");
      }
    }
  }

  ort::Status* compute(ort::KernelContext* context) const {
    T *x = nullptr, *y = nullptr;
    size_t given = 0;
    if (auto* status = inputElements(context, 0, &given)) return status;
    if (int64_t(given) != elements) return invalid("runningSum: the input has another size");
    if (auto* status = inputData(context, 0, &x)) return status;
    if (auto* status = outputData(context, 0, shape, &y)) return status;
    if constexpr (Gpu) cuda::launchRunningSum(cuda::streamOf(context), spec, x, y);
    else runningSum(spec, x, y, ortParallel(context));
    return nullptr;
  }

  std::vector<int64_t> shape;
  RunningSumSpec spec;
  int64_t elements = 1;
};

}  // namespace

std::vector<const ort::CustomOp*> runningSumOps() {
  return {customOp<RunningSum<float, false>>(), customOp<RunningSum<double, false>>(),
          customOp<RunningSum<float, true>>(), customOp<RunningSum<double, true>>()};
}

}  // namespace torchopt
