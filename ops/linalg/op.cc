#include "op.h"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>

#include "../cuda/op.h"
#include "cuda/launch.h"
#include "linalg.h"

namespace torchopt {

namespace {

using Shape = std::vector<int64_t>;

constexpr int64_t kMaxElements = int64_t(1) << 46;

// Matrices of a shape [..., m, n].
Batch batchOf(const Shape& shape) {
  if (shape.size() < 2) throw std::invalid_argument("linalg: wants matrices");
  int64_t elements = 1, count = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] < 0 || __builtin_mul_overflow(elements, std::max<int64_t>(shape[i], 1), &elements) ||
        elements > kMaxElements)
      throw std::invalid_argument("linalg: a dimension is negative or too large");
    if (i + 2 < shape.size()) count *= shape[i];
  }
  return {size_t(count), size_t(shape[shape.size() - 2]), size_t(shape.back())};
}

// Input i, which must have `size` elements.
template <class T>
const T* input(const ort::KernelContext* context, size_t i, size_t size) {
  size_t elements = 0;
  T* data = nullptr;
  throwIfFailed(inputElements(context, i, &elements));
  if (elements != size) {
    throw std::invalid_argument("linalg: input " + std::to_string(i) + " has " +
                                std::to_string(elements) + " elements, the attributes say " +
                                std::to_string(size));
  }
  throwIfFailed(inputData(context, i, &data));
  return data;
}

template <class T>
T* output(ort::KernelContext* context, size_t i, const Shape& shape) {
  T* data = nullptr;
  throwIfFailed(outputData(context, i, shape, &data));
  return data;
}

// A shape with other sizes in the place of the last two.
Shape withLast(const Shape& shape, const Shape& last) {
  Shape result(shape.begin(), shape.end() - 2);
  result.insert(result.end(), last.begin(), last.end());
  return result;
}

template <class T>
constexpr bool kIsFloat = sizeof(T) == 4;

// What all have: one type of inputs, and matrices of the shape that the attribute says.
template <class T, bool Gpu = false>
struct MatrixKernel {
  static constexpr const char* kProvider = Gpu ? cuda::kCudaProvider : nullptr;
  explicit MatrixKernel(const ort::KernelInfo* info)
      : shape(integers(info, "shape")), batch(batchOf(shape)) {}
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }

  // Output i of the same shape with a copy of input `from` in it.
  T* copied(ort::KernelContext* context, size_t from, size_t i) const {
    const size_t size = batch.count * batch.each();
    const T* source = input<T>(context, from, size);
    T* target = output<T>(context, i, shape);
    if constexpr (Gpu) cuda::copyOnDevice(cuda::streamOf(context), target, source, size * sizeof(T));
    else std::copy(source, source + size, target);
    return target;
  }
  int64_t m() const { return int64_t(batch.m); }
  int64_t n() const { return int64_t(batch.n); }
  void wantSquare() const {
    if (batch.m != batch.n) throw std::invalid_argument("linalg: wants square matrices");
  }

  Shape shape;
  Batch batch;
};

template <class T, bool Gpu>
struct Lu : MatrixKernel<T, Gpu> {
  static constexpr const char* kName = kIsFloat<T> ? "LuF32" : "LuF64";
  static constexpr size_t kInputs = 1, kOutputs = 3;
  static int outputType(size_t i) { return i == 0 ? int(kElementType<T>) : int(ort::kInt64); }
  using MatrixKernel<T, Gpu>::MatrixKernel;
  ort::Status* compute(ort::KernelContext* context) const {
    T* a = this->copied(context, 0, 0);
    int64_t* order = output<int64_t>(context, 1, withLast(this->shape, {this->m()}));
    int64_t* pivots =
        output<int64_t>(context, 2, withLast(this->shape, {std::min(this->m(), this->n())}));
    if constexpr (Gpu) {
      cuda::ScratchBlocks scratch(context);
      cuda::launchLu(cuda::streamOf(context), this->batch, a, order, pivots,
                     std::ref(scratch));
    } else {
      factorLu(this->batch, a, order, pivots, ortParallel(context));
    }
    return nullptr;
  }
};

template <class T, bool Gpu>
struct TriangularSolve : MatrixKernel<T, Gpu> {
  static constexpr const char* kName = kIsFloat<T> ? "TriangularSolveF32" : "TriangularSolveF64";
  static constexpr size_t kInputs = 2, kOutputs = 1;
  explicit TriangularSolve(const ort::KernelInfo* info)
      : MatrixKernel<T, Gpu>(info),
        triangle{integer(info, "upper") != 0, integer(info, "unit") != 0,
                 integer(info, "transpose") != 0} {}
  ort::Status* compute(ort::KernelContext* context) const {
    const Batch& batch = this->batch;
    const T* t = input<T>(context, 0, batch.count * batch.m * batch.m);
    T* b = this->copied(context, 1, 0);
    if constexpr (Gpu) cuda::launchTriangular(cuda::streamOf(context), batch, triangle, t, b);
    else solveTriangular(batch, triangle, t, b, ortParallel(context));
    return nullptr;
  }
  Triangle triangle;
};

template <class T, bool Gpu>
struct Cholesky : MatrixKernel<T, Gpu> {
  static constexpr const char* kName = kIsFloat<T> ? "CholeskyF32" : "CholeskyF64";
  static constexpr size_t kInputs = 1, kOutputs = 1;
  explicit Cholesky(const ort::KernelInfo* info) : MatrixKernel<T, Gpu>(info) { this->wantSquare(); }
  ort::Status* compute(ort::KernelContext* context) const {
    T* a = this->copied(context, 0, 0);
    if constexpr (Gpu) {
      cuda::ScratchBlocks scratch(context);
      cuda::launchCholesky(cuda::streamOf(context), this->batch, a, std::ref(scratch));
    } else {
      factorCholesky(this->batch, a, ortParallel(context));
    }
    return nullptr;
  }
};

template <class T>
struct Qr : MatrixKernel<T> {
  static constexpr const char* kName = kIsFloat<T> ? "QrF32" : "QrF64";
  static constexpr size_t kInputs = 1, kOutputs = 2;
  explicit Qr(const ort::KernelInfo* info)
      : MatrixKernel<T>(info), complete(integer(info, "complete") != 0) {
    if (this->batch.m < this->batch.n)
      throw std::invalid_argument("linalg: wants no more columns than rows");
  }
  ort::Status* compute(ort::KernelContext* context) const {
    const Batch& batch = this->batch;
    const size_t size = batch.count * batch.each();
    const T* source = input<T>(context, 0, size);
    std::vector<T> a(source, source + size);
    const int64_t columns = complete ? this->m() : this->n();
    T* q = output<T>(context, 0, withLast(this->shape, {this->m(), columns}));
    T* r = output<T>(context, 1, withLast(this->shape, {columns, this->n()}));
    factorQr(batch, size_t(columns), a.data(), q, r, ortParallel(context));
    return nullptr;
  }
  bool complete;
};

template <class T>
struct Eigh : MatrixKernel<T> {
  static constexpr const char* kName = kIsFloat<T> ? "EighF32" : "EighF64";
  static constexpr size_t kInputs = 1, kOutputs = 2;
  explicit Eigh(const ort::KernelInfo* info) : MatrixKernel<T>(info) { this->wantSquare(); }
  ort::Status* compute(ort::KernelContext* context) const {
    T* values = output<T>(context, 0, withLast(this->shape, {this->n()}));
    symmetricEigen(this->batch, this->copied(context, 0, 1), values, ortParallel(context));
    return nullptr;
  }
};

template <class T>
struct OrthogonalColumns : MatrixKernel<T> {
  static constexpr const char* kName =
      kIsFloat<T> ? "OrthogonalColumnsF32" : "OrthogonalColumnsF64";
  static constexpr size_t kInputs = 1, kOutputs = 2;
  using MatrixKernel<T>::MatrixKernel;
  ort::Status* compute(ort::KernelContext* context) const {
    T* v = output<T>(context, 1, withLast(this->shape, {this->n(), this->n()}));
    orthogonalizeColumns(this->batch, this->copied(context, 0, 0), v, ortParallel(context));
    return nullptr;
  }
};

}  // namespace

namespace {

template <class T, bool Gpu>
void addFactorizations(std::vector<const ort::CustomOp*>& ops) {
  ops.insert(ops.end(), {customOp<Lu<T, Gpu>>(), customOp<TriangularSolve<T, Gpu>>(),
                         customOp<Cholesky<T, Gpu>>()});
}

template <class T>
void add(std::vector<const ort::CustomOp*>& ops) {
  addFactorizations<T, false>(ops);
  addFactorizations<T, true>(ops);
  ops.insert(ops.end(), {customOp<Qr<T>>(), customOp<Eigh<T>>(), customOp<OrthogonalColumns<T>>()});
}

}  // namespace

std::vector<const ort::CustomOp*> linalgOps() {
  std::vector<const ort::CustomOp*> ops;
  add<float>(ops);
  add<double>(ops);
  return ops;
}

}  // namespace torchopt
