#include "node.h"
#include "op.h"

namespace torchopt {

namespace {

template <class T>
class LoopKernel {
 public:
  static constexpr const char* kName = sizeof(T) == 4 ? "LoopF32" : "LoopF64";
  static constexpr size_t kInputs = kAny, kOutputs = kAny;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }

  explicit LoopKernel(const ort::KernelInfo* info)
      : interpreter_(programOf<T>(info)),
        layout_(decodeLoop<T>(integers(info, "layout"), interpreter_.program())),
        node_(layout_, interpreter_.program()) {}

  ort::Status* compute(ort::KernelContext* context) {
    std::vector<T*> buffers;
    if (auto* status = node_.bind(context, buffers)) return status;
    runLoopNode(interpreter_, layout_, buffers.data(), ortParallel(context));
    return nullptr;
  }

 private:
  mutable Interpreter<T> interpreter_;
  const LoopLayout layout_;
  LoopNode<T> node_;
};

}  // namespace

template <class T>
const ort::CustomOp* loopOp() {
  return customOp<LoopKernel<T>>();
}
template const ort::CustomOp* loopOp<float>();
template const ort::CustomOp* loopOp<double>();

}  // namespace torchopt
