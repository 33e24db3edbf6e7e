#include "op.h"

#include "../common/custom_op.h"
#include "interpreter.h"

namespace torchopt {

namespace {

template <class T>
class ProgramKernel {
 public:
  static constexpr const char* kName = sizeof(T) == 4 ? "ProgramF32" : "ProgramF64";
  static constexpr size_t kInputs = kAny, kOutputs = kAny;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }

  explicit ProgramKernel(const ort::KernelInfo* info) : interpreter_(read(info)) {}

  ort::Status* compute(ort::KernelContext* context) {
    if (!checked_.load(std::memory_order_relaxed)) {
      if (auto* status = check(context)) return status;
      checked_.store(true, std::memory_order_relaxed);
    }
    const typename Interpreter<T>::Lease run(interpreter_);
    if (auto* status = bind(context, *run)) return status;
    interpreter_.run(*run, ortParallel(context));
    return nullptr;
  }

 private:
  static Program<T> read(const ort::KernelInfo* info) {
    const auto code = integers(info, "code"), consts = integers(info, "consts");
    return decodeProgram<T>(code.data(), code.size(), consts.data(), consts.size());
  }

  // The program has its shapes built in: the first run compares them with what the graph passes.
  ort::Status* check(ort::KernelContext* context) const {
    const Program<T>& program = interpreter_.program();
    size_t inputs = 0, outputs = 0;
    if (auto* status = ort::KernelContextGetInputCount(context, &inputs)) return status;
    if (auto* status = ort::KernelContextGetOutputCount(context, &outputs)) return status;
    if (inputs != program.inputs || outputs != program.outputs) {
      return invalid("Program: the node has " + std::to_string(inputs) + " inputs and " +
                     std::to_string(outputs) + " outputs, the code has " +
                     std::to_string(program.inputs) + " and " + std::to_string(program.outputs));
    }
    for (size_t i = 0; i < inputs; ++i) {
      size_t elements = 0;
      if (auto* status = inputElements(context, i, &elements)) return status;
      if (int64_t(elements) < program.inputSizes[i]) {
        return invalid("Program: input " + std::to_string(i) + " has " + std::to_string(elements) +
                       " elements, the code reads " + std::to_string(program.inputSizes[i]));
      }
    }
    return nullptr;
  }

  ort::Status* bind(ort::KernelContext* context, Context<T>& run) const {
    const Program<T>& program = interpreter_.program();
    T** buffer = run.buffers.data();
    for (size_t i = 0; i < program.inputs; ++i) {
      if (auto* status = inputData(context, i, buffer++)) return status;
    }
    for (size_t i = 0; i < program.outputs; ++i) {
      if (auto* status = outputData(context, i, program.outputShapes[i], buffer++)) return status;
    }
    return nullptr;
  }

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
