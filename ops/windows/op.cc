#include "op.h"

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "../common/custom_op.h"
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
  static constexpr const char* kName = sizeof(T) == 4 ? "ColumnsF32" : "ColumnsF64";
  static constexpr size_t kInputs = 1, kOutputs = 1;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }
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
  static constexpr const char* kName = sizeof(T) == 4 ? "FoldColumnsF32" : "FoldColumnsF64";
  static constexpr size_t kInputs = 1, kOutputs = 1;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }
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
  static constexpr const char* kName = sizeof(T) == 4 ? "MaxPlacesF32" : "MaxPlacesF64";
  static constexpr size_t kInputs = 1, kOutputs = 2;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t i) { return i == 1 ? int(ort::kInt64) : int(kElementType<T>); }
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
  static constexpr const char* kName = sizeof(T) == 4 ? "ScatterZerosF32" : "ScatterZerosF64";
  static constexpr size_t kInputs = 2, kOutputs = 1;
  static int inputType(size_t i) { return i == 0 ? int(ort::kInt64) : int(kElementType<T>); }
  static int outputType(size_t) { return kElementType<T>; }

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

}  // namespace

std::vector<const ort::CustomOp*> windowOps() {
  return {customOp<Columns<float>>(),      customOp<Columns<double>>(),
          customOp<FoldColumns<float>>(),  customOp<FoldColumns<double>>(),
          customOp<MaxPlaces<float>>(),    customOp<MaxPlaces<double>>(),
          customOp<ScatterZeros<float>>(), customOp<ScatterZeros<double>>()};
}

}  // namespace torchopt
