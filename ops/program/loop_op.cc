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
        needs_(loopNeeds(layout_, interpreter_.program())),
        shapes_(loopShapes(layout_)) {}

  ort::Status* compute(ort::KernelContext* context) {
    std::vector<T*> buffers;
    if (auto* status = bindLoopNode(context, needs_, shapes_, buffers)) return status;
    runLoopNode(interpreter_, layout_, buffers.data(), ortParallel(context));
    return nullptr;
  }

 private:
  mutable Interpreter<T> interpreter_;
  const LoopLayout layout_;
  const std::vector<int64_t> needs_;
  const std::vector<std::vector<int64_t>> shapes_;
};

}  // namespace

template <class T>
const ort::CustomOp* loopOp() {
  return customOp<LoopKernel<T>>();
}
template const ort::CustomOp* loopOp<float>();
template const ort::CustomOp* loopOp<double>();

}  // namespace torchopt
