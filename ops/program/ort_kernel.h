// Helpers to put a kernel behind ONNX Runtime's custom-op interface.
#pragma once

#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "../ort_abi.h"
#include "parallel.h"

namespace torchopt {

template <class T>
constexpr ort::ElementType kElementType = sizeof(T) == 4 ? ort::kFloat : ort::kDouble;

inline ort::Status* invalid(const std::string& message) {
  return ort::CreateStatus(ort::kInvalidArgument, message.c_str());
}

// Runs body, which returns a status, and turns exceptions into one: none may cross the C interface.
template <class Body>
ort::Status* guarded(Body body) {
  try {
    return body();
  } catch (const std::exception& error) {
    return invalid(error.what());
  }
}

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

inline Parallel ortParallel(ort::KernelContext* context) {
  const auto dispatch = [](void* owner, Parallel::Task task, size_t total, void* user) {
    auto* status = ort::KernelContextParallelFor(static_cast<ort::KernelContext*>(owner), task,
                                                 total, 0, user);
    if (status == nullptr) return;
    ort::ReleaseStatus(status);
    for (size_t i = 0; i < total; ++i) task(user, i);
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

// An op with variadic inputs and outputs of type T, on the CPU.
template <class T>
ort::CustomOp variadicOp(const char* (*name)(const ort::CustomOp*),
                         ort::Status* (*create)(const ort::CustomOp*, void**,
                                                const ort::KernelInfo*, void**),
                         ort::Status* (*compute)(void*, ort::KernelContext*),
                         void (*destroy)(void*)) {
  ort::CustomOp op;
  std::memset(&op, 0, sizeof op);
  op.version = ort::kApiVersion;
  op.GetName = name;
  op.GetExecutionProviderType = [](const ort::CustomOp*) -> const char* { return nullptr; };
  op.GetInputType =
      op.GetOutputType = [](const ort::CustomOp*, size_t) -> int { return kElementType<T>; };
  op.GetInputTypeCount = op.GetOutputTypeCount = [](const ort::CustomOp*) -> size_t { return 1; };
  op.GetInputCharacteristic = op.GetOutputCharacteristic = [](const ort::CustomOp*, size_t) -> int {
    return ort::kVariadic;
  };
  op.GetInputMemoryType = [](const ort::CustomOp*, size_t) { return 0; };
  const auto one = [](const ort::CustomOp*) { return 1; };
  op.GetVariadicInputMinArity = op.GetVariadicOutputMinArity = one;
  op.GetVariadicInputHomogeneity = op.GetVariadicOutputHomogeneity = one;
  op.GetStartVersion = one;
  op.GetEndVersion = [](const ort::CustomOp*) { return INT32_MAX; };
  op.CreateKernelV2 = create;
  op.KernelComputeV2 = compute;
  op.KernelDestroy = destroy;
  return op;
}

}  // namespace torchopt
