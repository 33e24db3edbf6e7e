// Running kernels without ONNX Runtime, on the CPU or on a GPU, for tests.

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "../common/errors.h"
#include "../common/export.h"
#include "../fused_adam/adam.h"
#include "../fused_adam/cuda/launch.h"
#include "../linalg/cuda/launch.h"
#include "../program/cuda/run.h"
#include "../program/node.h"
#include "../random/cuda/launch.h"
#include "../running_sum/cuda/launch.h"
#include "../windows/cuda/launch.h"

namespace torchopt {

namespace {

// What a call hands over: whole numbers, and an address for each input and output.
class Call {
 public:
  Call(bool onGpu, const int64_t* numbers, const double* addresses)
      : onGpu(onGpu), numbers_(numbers), addresses_(addresses) {}

  int64_t number() { return *numbers_++; }
  std::vector<int64_t> list(int64_t size) {
    std::vector<int64_t> values(numbers_, numbers_ + size);
    numbers_ += size;
    return values;
  }
  template <class T>
  T* address() {
    return reinterpret_cast<T*>(uintptr_t(*addresses_++));
  }

  const bool onGpu;

 private:
  const int64_t* numbers_;
  const double* addresses_;
};

const cuda::Stream kStream = nullptr;

// apply, number of tensors, their sizes; the inputs and outputs of the op.
template <class T>
void fusedAdam(Call& call) {
  const bool apply = call.number() != 0;
  const std::vector<int64_t> sizes = call.list(call.number());
  cuda::AdamBatch<T> batch{};
  for (const T** target : {&batch.b1, &batch.omb1, &batch.b2, &batch.omb2, &batch.eps, &batch.epsRoot})
    *target = call.address<T>();
  if (apply) batch.s = call.address<T>(), batch.wd = call.address<T>();
  std::vector<cuda::AdamPlace<T>> places(sizes.size());
  for (size_t k = 0; k < sizes.size(); ++k) {
    cuda::AdamPlace<T>& t = places[k];
    t.size = cuda::u64(sizes[k]);
    for (const T** target : {&t.c1, &t.c2, &t.g, &t.m, &t.v}) *target = call.address<T>();
    t.p = apply ? call.address<T>() : nullptr;
  }
  for (auto& t : places) {
    for (T** target : {&t.u, &t.mOut, &t.vOut}) *target = call.address<T>();
  }
  if (call.onGpu) return cuda::launchAdam(kStream, apply, batch, places);
  AdamScalars<T> scalars{*batch.b1, *batch.omb1, *batch.b2, *batch.omb2, *batch.eps, *batch.epsRoot,
                         0, 0};
  if (apply) scalars.s = *batch.s, scalars.wd = *batch.wd;
  std::vector<AdamTensor<T>> tensors;
  for (const auto& t : places)
    tensors.push_back({*t.c1, *t.c2, t.g, t.m, t.v, t.p, t.u, t.mOut, t.vOut});
  runAdam(adamTasks(sizes), apply, scalars, tensors.data(), Parallel());
}

// normal, count, both words of the key, number of the first block; the result.
template <class T>
void random(Call& call) {
  const bool normal = call.number() != 0;
  const size_t count = size_t(call.number());
  RandomSource source{};
  source.keyLow = uint32_t(call.number());
  source.keyHigh = uint32_t(call.number());
  source.offset = uint64_t(call.number());
  T* const out = call.address<T>();
  if (call.onGpu) cuda::launchRandom(kStream, normal, source, out, count);
  else randomLoop<T>(normal)(source, out, 0, count);
}

// The numbers of RunningSumSpec; x, y.
template <class T>
void sum(Call& call) {
  RunningSumSpec spec{};
  for (int64_t* part : {&spec.outer, &spec.size, &spec.inner}) *part = call.number();
  spec.exclusive = call.number() != 0;
  spec.reverse = call.number() != 0;
  const T* const x = call.address<T>();
  T* const y = call.address<T>();
  if (call.onGpu) cuda::launchRunningSum(kStream, spec, x, y);
  else runningSum(spec, x, y, Parallel());
}

// Rank, then the lists of WindowSpec, then the number of examples, and whether to count beyond 32 bits.
WindowSpec windowSpec(Call& call) {
  WindowSpec spec;
  const int64_t rank = call.number();
  spec.sizes = call.list(rank + 2);
  for (Extents* list : {&spec.kernel, &spec.out, &spec.strides, &spec.low, &spec.dilations})
    *list = call.list(rank);
  spec.examples = call.number();
  return spec;
}

template <class T, cuda::WindowKernel kind>
void window(Call& call) {
  const WindowSpec spec = windowSpec(call);
  const bool large = call.number() != 0;
  const Windows windows(spec);
  const T* const in = call.address<T>();
  T* const out = call.address<T>();
  auto* const places = kind == cuda::WindowKernel::maxPlaces ? call.address<int64_t>() : nullptr;
  if (call.onGpu) return cuda::launchWindows(kStream, kind, spec, windows, in, out, places, large);
  if (kind == cuda::WindowKernel::columns) gatherColumns(windows, in, out, Parallel());
  if (kind == cuda::WindowKernel::fold) foldColumns(windows, in, out, Parallel());
  if (kind == cuda::WindowKernel::maxPlaces) maxPool(windows, in, out, places, Parallel());
}

// Rows, numbers and zeros of each; places, numbers, result.
template <class T>
void scatter(Call& call) {
  const int64_t rows = call.number(), count = call.number(), size = call.number();
  const auto* const places = call.address<int64_t>();
  const T* const source = call.address<T>();
  T* const out = call.address<T>();
  if (call.onGpu) cuda::launchScatterZeros(kStream, places, source, rows, count, out, size);
  else scatterZeros(places, source, rows, count, out, size, Parallel());
}

// Memory between kernels, until the call is over.
struct HostScratch {
  std::vector<std::vector<char>> blocks;
  void* operator()(size_t bytes) {
    blocks.emplace_back(bytes, char(0x7b));
    return blocks.back().data();
  }
};

Batch batch(Call& call) {
  Batch result{};
  for (size_t* part : {&result.count, &result.m, &result.n}) *part = size_t(call.number());
  return result;
}

// Batch, m, n; A (overwritten), order, pivots.
template <class T>
void lu(Call& call) {
  const Batch matrices = batch(call);
  T* const a = call.address<T>();
  auto* const order = call.address<int64_t>();
  auto* const pivots = call.address<int64_t>();
  HostScratch scratch;
  if (call.onGpu) cuda::launchLu(kStream, matrices, a, order, pivots, std::ref(scratch));
  else factorLu(matrices, a, order, pivots, Parallel());
}

// Batch, n, n; A (overwritten).
template <class T>
void cholesky(Call& call) {
  const Batch matrices = batch(call);
  T* const a = call.address<T>();
  HostScratch scratch;
  if (call.onGpu) cuda::launchCholesky(kStream, matrices, a, std::ref(scratch));
  else factorCholesky(matrices, a, Parallel());
}

// Batch, n, columns, upper, unit, transpose; T, B (overwritten).
template <class T>
void triangularSolve(Call& call) {
  const Batch matrices = batch(call);
  Triangle triangle{};
  for (bool* part : {&triangle.upper, &triangle.unit, &triangle.transpose}) *part = call.number() != 0;
  const T* const t = call.address<T>();
  T* const b = call.address<T>();
  if (call.onGpu) cuda::launchTriangular(kStream, matrices, triangle, t, b);
  else solveTriangular(matrices, triangle, t, b, Parallel());
}

// Lengths of code, consts and layout, these themselves; the inputs and outputs of the op.
template <class T>
void program(Call& call) {
  const int64_t codeLength = call.number(), constCount = call.number(), layoutLength = call.number();
  const auto code = call.list(codeLength), consts = call.list(constCount),
             layoutCode = call.list(layoutLength);
  const auto decode = [&] {
    return decodeProgram<T>(code.data(), code.size(), consts.data(), consts.size());
  };
  Program<T> step = decode();
  LoopLayout layout;
  size_t count = step.inputs + step.outputs;
  if (layoutLength > 0) {
    layout = decodeLoop<T>(layoutCode, step);
    count = loopNeeds(layout, step).size() + loopShapes(layout).size();
  }
  std::vector<T*> buffers(count);
  for (T*& buffer : buffers) buffer = call.address<T>();
  if (call.onGpu) {
    const CudaKernels<T> kernels(layoutLength > 0 ? cudaLoopSource(step, layout) : cudaSource(step));
    // The fake GPU has the memory of the host.
    std::vector<T> memory(size_t(kernels.memory()));
    return kernels.run(kStream, buffers.data(), memory.data());
  }
  Interpreter<T> interpreter(std::move(step));
  if (layoutLength > 0) return runLoopNode(interpreter, layout, buffers.data(), Parallel());
  const typename Interpreter<T>::Lease run(interpreter);
  std::copy(buffers.begin(), buffers.end(), run->buffers.begin());
  interpreter.run(*run, Parallel());
}

struct Entry {
  const char* name;
  void (*run[2])(Call&);  // float, double
};

const Entry kEntries[] = {
    {"Cholesky", {cholesky<float>, cholesky<double>}},
    {"Columns",
     {window<float, cuda::WindowKernel::columns>, window<double, cuda::WindowKernel::columns>}},
    {"FoldColumns", {window<float, cuda::WindowKernel::fold>, window<double, cuda::WindowKernel::fold>}},
    {"FusedAdam", {fusedAdam<float>, fusedAdam<double>}},
    {"Lu", {lu<float>, lu<double>}},
    {"MaxPlaces",
     {window<float, cuda::WindowKernel::maxPlaces>, window<double, cuda::WindowKernel::maxPlaces>}},
    {"Program", {program<float>, program<double>}},
    {"Random", {random<float>, random<double>}},
    {"RunningSum", {sum<float>, sum<double>}},
    {"ScatterZeros", {scatter<float>, scatter<double>}},
    {"TriangularSolve", {triangularSolve<float>, triangularSolve<double>}},
};

}  // namespace

}  // namespace torchopt

// Runs a kernel: its name without the type, the numbers that its function above reads, and an address for
// each input and output. Returns 0, or 1 with a message in torchopt_last_error.
TORCHOPT_EXPORT int32_t torchopt_exec(int32_t onGpu, int32_t isF64,
                                                                        const char* name,
                                                                        const int64_t* numbers,
                                                                        const double* addresses) {
  return torchopt::recordingErrors([&] {
    torchopt::Call call(onGpu != 0, numbers, addresses);
    for (const torchopt::Entry& entry : torchopt::kEntries) {
      if (std::string(name) == entry.name) return entry.run[isF64 != 0 ? 1 : 0](call);
    }
    throw std::invalid_argument("there is no kernel " + std::string(name));
  });
}
