#include "op.h"

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "../program/ort_kernel.h"
#include "windows.h"

namespace torchopt {

namespace {

// Input i, which must have `size` elements of type T.
template <class T>
ort::Status* input(const ort::KernelContext* context, size_t i, int64_t size, T** data) {
  size_t elements = 0;
  if (auto* status = inputElements(context, i, &elements)) return status;
  if (int64_t(elements) != size) {
    return invalid("windows: input " + std::to_string(i) + " has " + std::to_string(elements) +
                   " elements, the attributes say " + std::to_string(size));
  }
  return inputData(context, i, data);
}

struct WindowsKernel {
  explicit WindowsKernel(const ort::KernelInfo* info) : spec(read(info)), windows(spec) {}

  static WindowSpec read(const ort::KernelInfo* info) {
    return {integers(info, "sizes"),   integers(info, "kernel"), integers(info, "out"),
            integers(info, "strides"), integers(info, "low"),    integers(info, "dilations"),
            integers(info, "examples").at(0)};
  }
  int64_t elements() const { return windows.planes() * windows.planeSize; }
  Extents columnsShape() const {
    return {windows.examples * windows.channels * windows.taps(),
            windows.samples * windows.positions()};
  }
  Extents pooledShape() const {
    Extents shape(spec.out);
    shape.insert(shape.begin(), {spec.sizes[0], spec.sizes[1]});
    return shape;
  }

  WindowSpec spec;
  Windows windows;
};

template <class T>
struct Columns : WindowsKernel {
  using WindowsKernel::WindowsKernel;
  ort::Status* compute(ort::KernelContext* context) const {
    T *x = nullptr, *y = nullptr;
    if (auto* status = input(context, 0, elements(), &x)) return status;
    if (auto* status = outputData(context, 0, columnsShape(), &y)) return status;
    gatherColumns(windows, x, y, ortParallel(context));
    return nullptr;
  }
};

template <class T>
struct FoldColumns : WindowsKernel {
  using WindowsKernel::WindowsKernel;
  ort::Status* compute(ort::KernelContext* context) const {
    T *x = nullptr, *y = nullptr;
    if (auto* status = input(context, 0, windows.columnsSize(), &x)) return status;
    if (auto* status = outputData(context, 0, spec.sizes, &y)) return status;
    foldColumns(windows, x, y, ortParallel(context));
    return nullptr;
  }
};

template <class T>
struct MaxPlaces : WindowsKernel {
  using WindowsKernel::WindowsKernel;
  ort::Status* compute(ort::KernelContext* context) const {
    T *x = nullptr, *values = nullptr;
    int64_t* places = nullptr;
    if (auto* status = input(context, 0, elements(), &x)) return status;
    if (auto* status = outputData(context, 0, pooledShape(), &values)) return status;
    if (auto* status = outputData(context, 1, pooledShape(), &places)) return status;
    maxPool(windows, x, values, places, ortParallel(context));
    return nullptr;
  }
};

template <class T>
struct ScatterZeros {
  explicit ScatterZeros(const ort::KernelInfo* info) : shape(integers(info, "shape")) {
    if (shape.empty()) throw std::invalid_argument("scatterZeros: wants one dimension or more");
    for (size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] < 0 || (i + 1 < shape.size() && __builtin_mul_overflow(rows, shape[i], &rows)))
        throw std::invalid_argument("scatterZeros: a dimension is negative or too large");
    }
  }
  ort::Status* compute(ort::KernelContext* context) const {
    int64_t* places = nullptr;
    T *source = nullptr, *out = nullptr;
    size_t count = 0;
    if (auto* status = inputElements(context, 0, &count)) return status;
    if (auto* status = inputData(context, 0, &places)) return status;
    if (auto* status = input(context, 1, int64_t(count), &source)) return status;
    if (auto* status = outputData(context, 0, shape, &out)) return status;
    if (rows == 0) return nullptr;
    if (int64_t(count) % rows != 0) return invalid("scatterZeros: the rows differ in length");
    scatterZeros(places, source, rows, int64_t(count) / rows, out, shape.back(),
                 ortParallel(context));
    return nullptr;
  }
  Extents shape;
  int64_t rows = 1;
};

template <class Kernel>
ort::Status* create(const ort::CustomOp*, void**, const ort::KernelInfo* info, void** kernel) {
  return guarded([&]() -> ort::Status* {
    *kernel = new Kernel(info);
    return nullptr;
  });
}

template <class Kernel>
ort::Status* compute(void* kernel, ort::KernelContext* context) {
  return guarded([&] { return static_cast<const Kernel*>(kernel)->compute(context); });
}

template <class Kernel>
void destroy(void* kernel) {
  delete static_cast<Kernel*>(kernel);
}

using Name = const char* (*)(const ort::CustomOp*);
using TypeOf = int (*)(const ort::CustomOp*, size_t);
using Count = size_t (*)(const ort::CustomOp*);

template <class Kernel>
ort::CustomOp fixedOp(Name name, Count inputs, TypeOf inputType, Count outputs, TypeOf outputType) {
  // That of variadic ops, but for what it says of inputs and outputs.
  ort::CustomOp op = variadicOp<float>(name, create<Kernel>, compute<Kernel>, destroy<Kernel>);
  op.GetInputTypeCount = inputs;
  op.GetOutputTypeCount = outputs;
  op.GetInputType = inputType;
  op.GetOutputType = outputType;
  op.GetInputCharacteristic = op.GetOutputCharacteristic = [](const ort::CustomOp*, size_t) -> int {
    return ort::kRequired;
  };
  return op;
}

size_t one(const ort::CustomOp*) { return 1; }
size_t two(const ort::CustomOp*) { return 2; }
template <class T>
int number(const ort::CustomOp*, size_t) {
  return kElementType<T>;
}
// A number first, then places; or the other way round.
template <class T, size_t Places>
int mixed(const ort::CustomOp*, size_t i) {
  return i == Places ? int(ort::kInt64) : int(kElementType<T>);
}

template <class T>
void add(std::vector<const ort::CustomOp*>& ops) {
  constexpr bool isF32 = sizeof(T) == 4;
  static const ort::CustomOp all[] = {
      fixedOp<Columns<T>>(
          [](const ort::CustomOp*) { return isF32 ? "ColumnsF32" : "ColumnsF64"; }, one, number<T>,
          one, number<T>),
      fixedOp<FoldColumns<T>>(
          [](const ort::CustomOp*) { return isF32 ? "FoldColumnsF32" : "FoldColumnsF64"; }, one,
          number<T>, one, number<T>),
      fixedOp<MaxPlaces<T>>(
          [](const ort::CustomOp*) { return isF32 ? "MaxPlacesF32" : "MaxPlacesF64"; }, one,
          number<T>, two, mixed<T, 1>),
      fixedOp<ScatterZeros<T>>(
          [](const ort::CustomOp*) { return isF32 ? "ScatterZerosF32" : "ScatterZerosF64"; }, two,
          mixed<T, 0>, one, number<T>),
  };
  for (const auto& op : all) ops.push_back(&op);
}

}  // namespace

std::vector<const ort::CustomOp*> windowOps() {
  std::vector<const ort::CustomOp*> ops;
  add<float>(ops);
  add<double>(ops);
  return ops;
}

}  // namespace torchopt
