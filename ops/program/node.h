// What the ops `Program` and `Loop` check of their nodes and take from them, on every device.
#pragma once

#include <algorithm>
#include <atomic>

#include "../common/custom_op.h"
#include "loop.h"

namespace torchopt {

template <class T>
Program<T> programOf(const ort::KernelInfo* info) {
  const auto code = integers(info, "code"), consts = integers(info, "consts");
  return decodeProgram<T>(code.data(), code.size(), consts.data(), consts.size());
}

// The program has its shapes built in: the first run compares them with what the graph passes.
template <class T>
ort::Status* checkProgramNode(const ort::KernelContext* context, const Program<T>& program) {
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

// Addresses of all inputs and outputs.
template <class T>
ort::Status* bindProgramNode(ort::KernelContext* context, const Program<T>& program, T** buffer) {
  for (size_t i = 0; i < program.inputs; ++i) {
    if (auto* status = inputData(context, i, buffer++)) return status;
  }
  for (size_t i = 0; i < program.outputs; ++i) {
    if (auto* status = outputData(context, i, program.outputShapes[i], buffer++)) return status;
  }
  return nullptr;
}

// Elements that a loop reads of each input of its node.
template <class T>
std::vector<int64_t> loopNeeds(const LoopLayout& layout, const Program<T>& program) {
  std::vector<int64_t> needs = layout.carries;
  for (const int64_t size : layout.xs) needs.push_back(size * layout.length);
  std::vector<int64_t> constants(layout.constants, 0);
  for (size_t i = 0; i < layout.inputs.size(); ++i) {
    const auto [kind, which] = layout.inputs[i];
    if (kind == LoopPlace::constant)
      constants[which] = std::max(constants[which], program.inputSizes[i]);
  }
  for (const LoopMove& move : layout.moves) {
    if (move.output || move.from != LoopPlace::constant) continue;
    const bool carry = move.to == LoopPlace::carry;
    constants[move.source] = std::max(constants[move.source],
                                      carry ? layout.carries[move.target] : layout.ys[move.target]);
  }
  needs.insert(needs.end(), constants.begin(), constants.end());
  // Whole numbers are two; the limit comes after the counters, the test before the first iteration last.
  needs.insert(needs.end(), layout.counters + 1, 2);
  if (layout.tested) needs.push_back(1);
  return needs;
}

// Shapes of a loop's results: the last carries, lists, the number of iterations.
inline std::vector<std::vector<int64_t>> loopShapes(const LoopLayout& layout) {
  std::vector<std::vector<int64_t>> shapes = layout.shapes;
  for (size_t i = layout.carries.size(); i < shapes.size(); ++i)
    shapes[i].insert(shapes[i].begin(), layout.length);
  shapes.push_back({2});
  return shapes;
}

// The inputs and outputs of a loop's node.
template <class T>
class LoopNode {
 public:
  LoopNode(const LoopLayout& layout, const Program<T>& program)
      : needs_(loopNeeds(layout, program)), shapes_(loopShapes(layout)) {}

  // Addresses of all of them, in their order. The first run compares the sizes with what the graph passes.
  ort::Status* bind(ort::KernelContext* context, std::vector<T*>& buffers) {
    if (!checked_.load(std::memory_order_relaxed)) {
      if (auto* status = check(context)) return status;
      checked_.store(true, std::memory_order_relaxed);
    }
    const size_t inputs = needs_.size();
    buffers.resize(inputs + shapes_.size());
    for (size_t i = 0; i < inputs; ++i) {
      if (auto* status = inputData(context, i, &buffers[i])) return status;
    }
    for (size_t i = 0; i < shapes_.size(); ++i) {
      if (auto* status = outputData(context, i, shapes_[i], &buffers[inputs + i])) return status;
    }
    return nullptr;
  }

 private:
  ort::Status* check(const ort::KernelContext* context) const {
    size_t inputs = 0, outputs = 0;
    if (auto* status = ort::KernelContextGetInputCount(context, &inputs)) return status;
    if (auto* status = ort::KernelContextGetOutputCount(context, &outputs)) return status;
    if (inputs != needs_.size() || outputs != shapes_.size()) {
      return invalid("Loop: the node has " + std::to_string(inputs) + " inputs and " +
                     std::to_string(outputs) + " outputs, the layout " +
                     std::to_string(needs_.size()) + " and " + std::to_string(shapes_.size()));
    }
    for (size_t i = 0; i < inputs; ++i) {
      size_t found = 0;
      if (auto* status = inputElements(context, i, &found)) return status;
      if (int64_t(found) < needs_[i]) {
        return invalid("Loop: input " + std::to_string(i) + " has " + std::to_string(found) +
                       " elements, the loop reads " + std::to_string(needs_[i]));
      }
    }
    return nullptr;
  }

  const std::vector<int64_t> needs_;
  const std::vector<std::vector<int64_t>> shapes_;
  std::atomic<bool> checked_{false};
};

}  // namespace torchopt
