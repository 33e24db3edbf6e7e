// Helpers to put a kernel behind ONNX Runtime's custom-op interface.
#pragma once

#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "errors.h"
#include "parallel.h"

namespace torchopt {

template <class T>
constexpr ort::ElementType kElementType = sizeof(T) == 4 ? ort::kFloat : ort::kDouble;

// The attribute's numbers; empty if it is absent.
inline std::vector<int64_t> integers(const ort::KernelInfo* info, const char* name) {
  std::vector<int64_t> values;
  size_t size = 0;
  // The first call asks for the size; for an absent attribute it fails and leaves the size at 0.
  if (auto* status = ort::KernelInfoGetAttributeArrayInt64(info, name, nullptr, &size)) {
    ort::ReleaseStatus(status);
  }
  values.resize(size);
  if (size == 0) return values;
  if (auto* status = ort::KernelInfoGetAttributeArrayInt64(info, name, values.data(), &size)) {
    ort::ReleaseStatus(status);
    values.clear();
  }
  return values;
}

// Throws the message of a status, if there is one.
inline void throwIfFailed(ort::Status* status) {
  if (status == nullptr) return;
  const std::string message = ort::GetErrorMessage(status);
  ort::ReleaseStatus(status);
  throw std::runtime_error(message);
}

inline int64_t integer(const ort::KernelInfo* info, const char* name) {
  int64_t value = 0;
  throwIfFailed(ort::KernelInfoGetAttributeInt64(info, name, &value));
  return value;
}

// The threads of ONNX Runtime's pool.
inline Parallel ortParallel(ort::KernelContext* context) {
  const auto dispatch = [](void* owner, Parallel::Task task, size_t total, void* user) {
    throwIfFailed(ort::KernelContextParallelFor(static_cast<ort::KernelContext*>(owner), task,
                                                total, 0, user));
  };
  return {dispatch, context};
}

// Data of input i, or null with a status.
template <class T>
ort::Status* inputData(const ort::KernelContext* context, size_t i, T** data) {
  const ort::Value* value = nullptr;
  if (auto* status = ort::KernelContextGetInput(context, i, &value)) return status;
  return ort::GetTensorMutableData(const_cast<ort::Value*>(value), reinterpret_cast<void**>(data));
}

template <class T>
ort::Status* outputData(ort::KernelContext* context, size_t i, const std::vector<int64_t>& shape,
                        T** data) {
  ort::Value* value = nullptr;
  if (auto* status = ort::KernelContextGetOutput(context, i, shape.data(), shape.size(), &value))
    return status;
  return ort::GetTensorMutableData(value, reinterpret_cast<void**>(data));
}

// Number of elements of input i.
inline ort::Status* inputElements(const ort::KernelContext* context, size_t i, size_t* elements) {
  const ort::Value* value = nullptr;
  if (auto* status = ort::KernelContextGetInput(context, i, &value)) return status;
  ort::TensorTypeAndShapeInfo* info = nullptr;
  if (auto* status = ort::GetTensorTypeAndShape(value, &info)) return status;
  auto* status = ort::GetTensorShapeElementCount(info, elements);
  ort::ReleaseTensorTypeAndShapeInfo(info);
  return status;
}

// As many inputs or outputs as the node has.
constexpr size_t kAny = 0;

// The execution provider that a kernel is for, which it may name as kProvider; null is the CPU's.
template <class Kernel, class = void>
struct ProviderOf {
  static constexpr const char* kName = nullptr;
};
template <class Kernel>
struct ProviderOf<Kernel, decltype(void(Kernel::kProvider))> {
  static constexpr const char* kName = Kernel::kProvider;
};

// The op of a kernel. Ops of one name for several providers are one to a graph. A kernel is made from the node's attributes (const KernelInfo*, may
// throw), has `Status* compute(KernelContext*)` (may throw), and says of its op:
//   static constexpr const char* kName;
//   static constexpr size_t kInputs, kOutputs;  // or kAny, then all of one type
//   static int inputType(size_t), outputType(size_t);
template <class Kernel>
const ort::CustomOp* customOp() {
  using Op = const ort::CustomOp*;
  static const ort::CustomOp op = [] {
    ort::CustomOp op;
    std::memset(&op, 0, sizeof op);
    op.version = ort::kApiVersion;
    op.GetName = [](Op) { return Kernel::kName; };
    op.GetExecutionProviderType = [](Op) { return ProviderOf<Kernel>::kName; };
    op.GetInputType = [](Op, size_t i) { return Kernel::inputType(i); };
    op.GetOutputType = [](Op, size_t i) { return Kernel::outputType(i); };
    op.GetInputTypeCount = [](Op) { return Kernel::kInputs == kAny ? 1 : Kernel::kInputs; };
    op.GetOutputTypeCount = [](Op) { return Kernel::kOutputs == kAny ? 1 : Kernel::kOutputs; };
    op.GetInputCharacteristic = [](Op, size_t) {
      return int(Kernel::kInputs == kAny ? ort::kVariadic : ort::kRequired);
    };
    op.GetOutputCharacteristic = [](Op, size_t) {
      return int(Kernel::kOutputs == kAny ? ort::kVariadic : ort::kRequired);
    };
    op.GetInputMemoryType = [](Op, size_t) { return 0; };
    const auto one = [](Op) { return 1; };
    op.GetVariadicInputMinArity = op.GetVariadicOutputMinArity = one;
    op.GetVariadicInputHomogeneity = op.GetVariadicOutputHomogeneity = one;
    op.GetStartVersion = one;
    op.GetEndVersion = [](Op) { return INT32_MAX; };
    op.CreateKernelV2 = [](Op, void**, const ort::KernelInfo* info, void** kernel) {
      return guarded([&]() -> ort::Status* {
        *kernel = new Kernel(info);
        return nullptr;
      });
    };
    op.KernelComputeV2 = [](void* kernel, ort::KernelContext* context) {
      return guarded([&] { return static_cast<Kernel*>(kernel)->compute(context); });
    };
    op.KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
    return op;
  }();
  return &op;
}

}  // namespace torchopt
