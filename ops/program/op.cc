#include "op.h"

#include "interpreter.h"
#include "node.h"

namespace torchopt {

namespace {

template <class T>
class ProgramKernel {
 public:
  static constexpr const char* kName = sizeof(T) == 4 ? "ProgramF32" : "ProgramF64";
  static constexpr size_t kInputs = kAny, kOutputs = kAny;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }

  explicit ProgramKernel(const ort::KernelInfo* info) : interpreter_(programOf<T>(info)) {}

  ort::Status* compute(ort::KernelContext* context) {
    if (!checked_.load(std::memory_order_relaxed)) {
      if (auto* status = checkProgramNode(context, interpreter_.program())) return status;
      checked_.store(true, std::memory_order_relaxed);
    }
    const typename Interpreter<T>::Lease run(interpreter_);
    T** const buffers = run->buffers.data();
    if (auto* status = bindProgramNode(context, interpreter_.program(), buffers)) return status;
    interpreter_.run(*run, ortParallel(context));
    return nullptr;
  }

 private:
  Interpreter<T> interpreter_;
  std::atomic<bool> checked_{false};
};

}  // namespace

template <class T>
const ort::CustomOp* programOp() {
  return customOp<ProgramKernel<T>>();
}
template const ort::CustomOp* programOp<float>();
template const ort::CustomOp* programOp<double>();

}  // namespace torchopt
