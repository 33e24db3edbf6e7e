// Decoders of REDUCE and MATMUL.

#include <algorithm>

#include "decoder.h"

namespace torchopt {

namespace {

// Elements that make it worth waking other threads, and elements per partial result of a reduction.
constexpr int64_t kReduceParallel = 1 << 17;
constexpr int64_t kReduceChunk = 1 << 15;
// Multiply-adds that make it worth waking other threads, and rows per task.
constexpr double kMatmulParallel = 4e6;
// Multiply-adds in the time in which an element comes from memory, and those of a task.
constexpr double kMatmulMemory = 8;
constexpr double kMatmulTask = 5e5;
constexpr int64_t kMatmulRows = 96;

int64_t product(const std::vector<Axis>& axes) {
  int64_t n = 1;
  for (const Axis& axis : axes) n *= axis.size;
  return n;
}

}  // namespace

template <class T>
ReduceStep Decoder<T>::reduce(CodeReader in) const {
  ReduceStep step;
  step.kind = ReduceKind(in.next("a reduction", 0, 3));
  step.in = buffer(in, "a reduction's input");
  step.offset = in.next("an offset", 0, kMaxElements);
  step.out = buffer(in, "a reduction's output");
  const size_t rank = size_t(in.next("a rank", 0, kMaxRank));
  std::vector<int64_t> dims(rank);
  std::vector<Axis> axes(rank);
  for (size_t i = 0; i < rank; ++i) axes[i].size = dims[i] = in.next();
  checkedProduct(dims);
  for (auto& axis : axes) axis.stride = in.next();
  for (auto& axis : axes) (in.next("a keep flag", 0, 1) ? step.kept : step.reduced).push_back(axis);
  in.finish("a reduction");
  readsView(step.in, step.offset, axes);
  // The order within the reduced axes is free: walk the widest stride outermost.
  std::stable_sort(step.reduced.begin(), step.reduced.end(), [](const Axis& a, const Axis& b) {
    return std::abs(a.stride) > std::abs(b.stride);
  });
  step.kept = mergeAxes(step.kept);
  step.reduced = mergeAxes(step.reduced);
  step.outputs = product(step.kept);
  step.length = product(step.reduced);
  writes(step.out, step.outputs);

  step.columns = !step.kept.empty() && step.kept.back().stride == 1 &&
                 (step.reduced.empty() || std::abs(step.reduced.back().stride) != 1);
  if (step.reduced.empty()) step.reduced.push_back({1, 0});
  const int64_t inner = step.reduced.back().size;
  const int64_t width = step.columns ? step.kept.back().size : 1;
  const int64_t perGroup = std::max<int64_t>(64, kReduceChunk / std::max<int64_t>(width, 1));
  step.segment = std::max<int64_t>(1, std::min(inner, perGroup));
  step.segmentsPerAxis = (inner + step.segment - 1) / step.segment;
  step.segments = step.length == 0 ? 0 : step.length / inner * step.segmentsPerAxis;
  step.segmentsPerGroup = std::max<int64_t>(1, perGroup / step.segment);
  step.groups =
      std::max<int64_t>(1, (step.segments + step.segmentsPerGroup - 1) / step.segmentsPerGroup);
  step.parallel = step.outputs * step.length >= kReduceParallel;
  if (step.groups > 1 || (step.columns && step.segments > 1)) {
    step.scratch = scratch(2 * step.groups * step.outputs);
  }
  return step;
}

template <class T>
MatmulStep Decoder<T>::matmul(CodeReader in) const {
  MatmulStep step;
  step.a = buffer(in, "a product's left side");
  step.aOffset = in.next("an offset", 0, kMaxElements);
  step.b = buffer(in, "a product's right side");
  step.bOffset = in.next("an offset", 0, kMaxElements);
  step.out = buffer(in, "a product's output");
  step.batch = in.next("a batch size", 0, kMaxElements);
  step.aBatchStride = in.next("a batch stride", -kMaxElements, kMaxElements);
  step.bBatchStride = in.next("a batch stride", -kMaxElements, kMaxElements);
  step.m = in.next("a product's size", 0, kMaxElements);
  step.n = in.next("a product's size", 0, kMaxElements);
  step.k = in.next("a product's size", 0, kMaxElements);
  step.transA = in.next("a transpose flag", 0, 1) != 0;
  step.transB = in.next("a transpose flag", 0, 1) != 0;
  in.finish("a product");
  const int64_t outputs = checkedProduct({step.batch, step.m, step.n});
  const int64_t sizeA = checkedProduct({step.m, step.k}), sizeB = checkedProduct({step.k, step.n});
  readsView(step.a, step.aOffset, {{step.batch, step.aBatchStride}, {sizeA, 1}});
  readsView(step.b, step.bOffset, {{step.batch, step.bBatchStride}, {sizeB, 1}});
  writes(step.out, outputs);
  // Nothing is read: there may be no memory that an address could lie in.
  if (step.k == 0) step.aOffset = step.bOffset = step.aBatchStride = step.bBatchStride = 0;
  // What counts is the arithmetic or, where each element serves few products, the memory.
  const double work = double(outputs) * double(step.k), own = double(sizeA) + double(sizeB);
  const double memory = kMatmulMemory * own * double(step.batch);
  const bool heavy = work >= kMatmulParallel || (step.batch > 1 && memory >= kMatmulParallel);
  step.rowsPerTask = heavy ? kMatmulRows : 0;
  const double item = std::max(work / double(std::max<int64_t>(step.batch, 1)), kMatmulMemory * own);
  step.itemsPerTask = 1 + int64_t(kMatmulTask / std::max(item, 1.0));
  return step;
}

template ReduceStep Decoder<float>::reduce(CodeReader) const;
template ReduceStep Decoder<double>::reduce(CodeReader) const;
template MatmulStep Decoder<float>::matmul(CodeReader) const;
template MatmulStep Decoder<double>::matmul(CodeReader) const;

}  // namespace torchopt
