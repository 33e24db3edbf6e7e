#include "op.h"

#include "interpreter.h"
#include "ort_kernel.h"

namespace torchopt {

namespace {

template <class T>
class ProgramKernel {
 public:
  explicit ProgramKernel(Program<T> program) : interpreter_(std::move(program)) {}

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

template <class T>
ort::Status* create(const ort::CustomOp*, void**, const ort::KernelInfo* info, void** kernel) {
  return guarded([&]() -> ort::Status* {
    const auto code = integers(info, "code"), consts = integers(info, "consts");
    *kernel = new ProgramKernel<T>(
        decodeProgram<T>(code.data(), code.size(), consts.data(), consts.size()));
    return nullptr;
  });
}

template <class T>
ort::Status* compute(void* kernel, ort::KernelContext* context) {
  return guarded([&] { return static_cast<ProgramKernel<T>*>(kernel)->compute(context); });
}

template <class T>
void destroy(void* kernel) {
  delete static_cast<ProgramKernel<T>*>(kernel);
}

}  // namespace

template <class T>
const ort::CustomOp* programOp() {
  static const ort::CustomOp op = variadicOp<T>(
      [](const ort::CustomOp*) { return sizeof(T) == 4 ? "ProgramF32" : "ProgramF64"; }, create<T>,
      compute<T>, destroy<T>);
  return &op;
}
template const ort::CustomOp* programOp<float>();
template const ort::CustomOp* programOp<double>();

}  // namespace torchopt
