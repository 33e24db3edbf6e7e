#include <algorithm>

#include "../common/custom_op.h"
#include "loop.h"
#include "op.h"

namespace torchopt {

namespace {

template <class T>
int64_t whole(const T* pair) {
  return int64_t(pair[0]) * kWholeHigh + int64_t(pair[1]);
}

template <class T>
class LoopKernel {
 public:
  static constexpr const char* kName = sizeof(T) == 4 ? "LoopF32" : "LoopF64";
  static constexpr size_t kInputs = kAny, kOutputs = kAny;
  static int inputType(size_t) { return kElementType<T>; }
  static int outputType(size_t) { return kElementType<T>; }

  explicit LoopKernel(const ort::KernelInfo* info)
      : interpreter_(read(info)),
        layout_(decodeLoop<T>(integers(info, "layout"), interpreter_.program())) {}

  ort::Status* compute(ort::KernelContext* context) {
    LoopMemory<T> memory;
    size_t at = 0;
    if (auto* status = checkCount(context)) return status;
    const auto input = [&](const T** data, int64_t elements) -> ort::Status* {
      size_t found = 0;
      if (auto* status = inputElements(context, at, &found)) return status;
      if (int64_t(found) < elements) {
        return invalid("Loop: input " + std::to_string(at) + " has " + std::to_string(found) +
                       " elements, the loop reads " + std::to_string(elements));
      }
      T* address = nullptr;
      if (auto* status = inputData(context, at++, &address)) return status;
      *data = address;
      return nullptr;
    };
    const auto several = [&](std::vector<const T*>& list, size_t count,
                             const auto& size) -> ort::Status* {
      list.resize(count);
      for (size_t i = 0; i < count; ++i) {
        if (auto* status = input(&list[i], size(i))) return status;
      }
      return nullptr;
    };
    if (auto* status = several(memory.init, layout_.carries.size(),
                               [&](size_t i) { return layout_.carries[i]; }))
      return status;
    if (auto* status = several(memory.xs, layout_.xs.size(),
                               [&](size_t i) { return layout_.xs[i] * layout_.length; }))
      return status;
    if (auto* status =
            several(memory.constants, layout_.constants, [&](size_t i) { return constant(i); }))
      return status;
    for (size_t i = 0; i < layout_.counters; ++i) {
      const T* pair = nullptr;
      if (auto* status = input(&pair, 2)) return status;
      memory.counters.push_back(whole(pair));
    }
    const T* pair = nullptr;
    if (auto* status = input(&pair, 2)) return status;
    memory.limit = whole(pair);
    if (layout_.tested) {
      const T* go = nullptr;
      if (auto* status = input(&go, 1)) return status;
      memory.go = *go != 0;
    }
    if (memory.limit > layout_.length && layout_.xs.size() + layout_.ys.size() > 0) {
      return invalid("Loop: more iterations than elements of a list");
    }
    T* count = nullptr;
    if (auto* status = results(context, memory, &count)) return status;
    int64_t made = 0;
    {
      const typename Interpreter<T>::Lease run(interpreter_);
      made = runLoop(interpreter_, *run, layout_, memory, ortParallel(context));
    }
    count[0] = T(made / kWholeHigh);
    count[1] = T(made % kWholeHigh);
    return nullptr;
  }

 private:
  static Program<T> read(const ort::KernelInfo* info) {
    const auto code = integers(info, "code"), consts = integers(info, "consts");
    return decodeProgram<T>(code.data(), code.size(), consts.data(), consts.size());
  }

  // What the step reads of a constant.
  int64_t constant(size_t index) const {
    int64_t most = 0;
    for (size_t i = 0; i < layout_.inputs.size(); ++i) {
      const auto [kind, which] = layout_.inputs[i];
      if (kind == LoopPlace::constant && which == index) {
        most = std::max(most, interpreter_.program().inputSizes[i]);
      }
    }
    for (const LoopMove& move : layout_.moves) {
      if (move.output || move.from != LoopPlace::constant || move.source != index) continue;
      const bool carry = move.to == LoopPlace::carry;
      most = std::max(most, carry ? layout_.carries[move.target] : layout_.ys[move.target]);
    }
    return most;
  }

  ort::Status* checkCount(ort::KernelContext* context) const {
    size_t inputs = 0, outputs = 0;
    if (auto* status = ort::KernelContextGetInputCount(context, &inputs)) return status;
    if (auto* status = ort::KernelContextGetOutputCount(context, &outputs)) return status;
    const size_t wanted = layout_.carries.size() + layout_.xs.size() + layout_.constants +
                          layout_.counters + 1 + (layout_.tested ? 1 : 0);
    const size_t made = layout_.shapes.size() + 1;
    if (inputs == wanted && outputs == made) return nullptr;
    return invalid("Loop: the node has " + std::to_string(inputs) + " inputs and " +
                   std::to_string(outputs) + " outputs, the layout " + std::to_string(wanted) +
                   " and " + std::to_string(made));
  }

  ort::Status* results(ort::KernelContext* context, LoopMemory<T>& memory, T** count) const {
    const size_t carries = layout_.carries.size();
    for (size_t i = 0; i < layout_.shapes.size(); ++i) {
      std::vector<int64_t> shape = layout_.shapes[i];
      if (i >= carries) shape.insert(shape.begin(), layout_.length);
      T* data = nullptr;
      if (auto* status = outputData(context, i, shape, &data)) return status;
      (i < carries ? memory.carries : memory.ys).push_back(data);
    }
    return outputData(context, layout_.shapes.size(), {2}, count);
  }

  mutable Interpreter<T> interpreter_;
  const LoopLayout layout_;
};

}  // namespace

template <class T>
const ort::CustomOp* loopOp() {
  return customOp<LoopKernel<T>>();
}
template const ort::CustomOp* loopOp<float>();
template const ort::CustomOp* loopOp<double>();

}  // namespace torchopt
