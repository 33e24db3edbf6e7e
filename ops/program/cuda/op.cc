// Program and Loop for ONNX Runtime's CUDA provider.

#include "../op.h"

#include <atomic>

#include "../../cuda/op.h"
#include "../node.h"
#include "run.h"

namespace torchopt {

namespace {

// Working memory of a run: none where the kernels need none.
template <class T>
void runWithMemory(const ort::KernelContext* context, const CudaKernels<T>& kernels, T* const* buffers) {
  const cuda::Stream stream = cuda::streamOf(context);
  if (kernels.memory() == 0) return kernels.run(stream, buffers, nullptr);
  const ort::Value* beside = nullptr;
  throwIfFailed(ort::KernelContextGetInput(context, 0, &beside));
  const cuda::Scratch scratch(context, beside, size_t(kernels.memory()) * sizeof(T));
  kernels.run(stream, buffers, static_cast<T*>(scratch.data()));
}

template <class T>
class ProgramCudaKernel {
 public:
  static constexpr const char* kName = sizeof(T) == 4 ? "ProgramF32" : "ProgramF64";
  static constexpr const char* kProvider = cuda::kCudaProvider;
  static constexpr size_t kInputs = kAny, kOutputs = kAny;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }

  explicit ProgramCudaKernel(const ort::KernelInfo* info)
      : program_(programOf<T>(info)), kernels_(cudaSource(program_)) {}

  ort::Status* compute(ort::KernelContext* context) {
    if (!checked_.load(std::memory_order_relaxed)) {
      if (auto* status = checkProgramNode(context, program_)) return status;
      checked_.store(true, std::memory_order_relaxed);
    }
    std::vector<T*> buffers(program_.inputs + program_.outputs);
    if (auto* status = bindProgramNode(context, program_, buffers.data())) return status;
    runWithMemory(context, kernels_, buffers.data());
    return nullptr;
  }

 private:
  const Program<T> program_;
  const CudaKernels<T> kernels_;
  std::atomic<bool> checked_{false};
};

template <class T>
class LoopCudaKernel {
 public:
  static constexpr const char* kName = sizeof(T) == 4 ? "LoopF32" : "LoopF64";
  static constexpr const char* kProvider = cuda::kCudaProvider;
  static constexpr size_t kInputs = kAny, kOutputs = kAny;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }

  explicit LoopCudaKernel(const ort::KernelInfo* info)
      : program_(programOf<T>(info)),
        layout_(decodeLoop<T>(integers(info, "layout"), program_)),
        node_(layout_, program_),
        kernels_(cudaLoopSource(program_, layout_)) {}

  ort::Status* compute(ort::KernelContext* context) {
    std::vector<T*> buffers;
    if (auto* status = node_.bind(context, buffers)) return status;
    runWithMemory(context, kernels_, buffers.data());
    return nullptr;
  }

 private:
  const Program<T> program_;
  const LoopLayout layout_;
  LoopNode<T> node_;
  const CudaKernels<T> kernels_;
};

}  // namespace

template <class T>
const ort::CustomOp* programCudaOp() {
  return customOp<ProgramCudaKernel<T>>();
}
template const ort::CustomOp* programCudaOp<float>();
template const ort::CustomOp* programCudaOp<double>();

template <class T>
const ort::CustomOp* loopCudaOp() {
  return customOp<LoopCudaKernel<T>>();
}
template const ort::CustomOp* loopCudaOp<float>();
template const ort::CustomOp* loopCudaOp<double>();

}  // namespace torchopt
