#include "op.h"

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "../cuda/op.h"
#include "cuda/launch.h"
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

template <bool Gpu>
struct WindowsKernel {
  static constexpr const char* kProvider = Gpu ? cuda::kCudaProvider : nullptr;
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

template <class T, bool Gpu>
struct Columns : WindowsKernel<Gpu> {
  static constexpr const char* kName = sizeof(T) == 4 ? "ColumnsF32" : "ColumnsF64";
  static constexpr size_t kInputs = 1, kOutputs = 1;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }
  using WindowsKernel<Gpu>::WindowsKernel;
  using WindowsKernel<Gpu>::spec, WindowsKernel<Gpu>::windows;
  ort::Status* compute(ort::KernelContext* context) const {
    T *x = nullptr, *y = nullptr;
    if (auto* status = input(context, 0, this->elements(), &x)) return status;
    if (auto* status = outputData(context, 0, this->columnsShape(), &y)) return status;
    if constexpr (Gpu) {
      cuda::launchWindows(cuda::streamOf(context), cuda::WindowKernel::columns, spec, windows, x, y,
                    nullptr);
    } else {
      gatherColumns(windows, x, y, ortParallel(context));
    }
    return nullptr;
  }
};

template <class T, bool Gpu>
struct FoldColumns : WindowsKernel<Gpu> {
  static constexpr const char* kName = sizeof(T) == 4 ? "FoldColumnsF32" : "FoldColumnsF64";
  static constexpr size_t kInputs = 1, kOutputs = 1;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }
  using WindowsKernel<Gpu>::WindowsKernel;
  using WindowsKernel<Gpu>::spec, WindowsKernel<Gpu>::windows;
  ort::Status* compute(ort::KernelContext* context) const {
    T *x = nullptr, *y = nullptr;
    if (auto* status = input(context, 0, windows.columnsSize(), &x)) return status;
    if (auto* status = outputData(context, 0, spec.sizes, &y)) return status;
    if constexpr (Gpu) {
      cuda::launchWindows(cuda::streamOf(context), cuda::WindowKernel::fold, spec, windows, x, y,
                    nullptr);
    } else {
      foldColumns(windows, x, y, ortParallel(context));
    }
    return nullptr;
  }
};

template <class T, bool Gpu>
struct MaxPlaces : WindowsKernel<Gpu> {
  static constexpr const char* kName = sizeof(T) == 4 ? "MaxPlacesF32" : "MaxPlacesF64";
  static constexpr size_t kInputs = 1, kOutputs = 2;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t i) { return i == 1 ? int(ort::kInt64) : int(kElementType<T>); }
  using WindowsKernel<Gpu>::WindowsKernel;
  using WindowsKernel<Gpu>::spec, WindowsKernel<Gpu>::windows;
  ort::Status* compute(ort::KernelContext* context) const {
    T *x = nullptr, *values = nullptr;
    int64_t* places = nullptr;
    if (auto* status = input(context, 0, this->elements(), &x)) return status;
    if (auto* status = outputData(context, 0, this->pooledShape(), &values)) return status;
    if (auto* status = outputData(context, 1, this->pooledShape(), &places)) return status;
    if constexpr (Gpu) {
      cuda::launchWindows(cuda::streamOf(context), cuda::WindowKernel::maxPlaces, spec, windows, x, values,
                    places);
    } else {
      maxPool(windows, x, values, places, ortParallel(context));
    }
    return nullptr;
  }
};

template <class T, bool Gpu>
struct ScatterZeros {
  static constexpr const char* kProvider = Gpu ? cuda::kCudaProvider : nullptr;
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
    const int64_t each = int64_t(count) / rows;
    if constexpr (Gpu)
      cuda::launchScatterZeros(cuda::streamOf(context), places, source, rows, each, out, shape.back());
    else scatterZeros(places, source, rows, each, out, shape.back(), ortParallel(context));
    return nullptr;
  }
  Extents shape;
  int64_t rows = 1;
};

}  // namespace

namespace {

template <class T, bool Gpu>
void add(std::vector<const ort::CustomOp*>& ops) {
  ops.insert(ops.end(), {customOp<Columns<T, Gpu>>(), customOp<FoldColumns<T, Gpu>>(),
                         customOp<MaxPlaces<T, Gpu>>(), customOp<ScatterZeros<T, Gpu>>()});
}

}  // namespace

std::vector<const ort::CustomOp*> windowOps() {
  std::vector<const ort::CustomOp*> ops;
  add<float, false>(ops);
  add<double, false>(ops);
  add<float, true>(ops);
  add<double, true>(ops);
  return ops;
}

}  // namespace torchopt
