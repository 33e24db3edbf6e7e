// Helpers for the kernels of ONNX Runtime's CUDA provider.
#pragma once

#include <memory>
#include <vector>

#include "../common/custom_op.h"
#include "module.h"

namespace torchopt::cuda {

constexpr const char* kCudaProvider = "CUDAExecutionProvider";

// The stream that a node's work goes to.
inline Stream streamOf(const ort::KernelContext* context) {
  Stream stream = nullptr;
  throwIfFailed(ort::KernelContextGetGPUComputeStream(context, &stream));
  return stream;
}

// Memory of the GPU that kernels of one node use between them. It goes back to the allocator of ONNX
// Runtime, which gives it to later work of the same stream only.
class Scratch {
 public:
  // `beside`: an input or output of the node, in whose memory it lies.
  Scratch(const ort::KernelContext* context, const ort::Value* beside, size_t bytes) {
    const ort::MemoryInfo* memory = nullptr;
    throwIfFailed(ort::GetTensorMemoryInfo(beside, &memory));
    throwIfFailed(ort::KernelContextGetAllocator(context, memory, &allocator_));
    data_ = allocator_->Alloc(allocator_, bytes);
    if (data_ == nullptr) {
      throw std::runtime_error("CUDA: no memory for " + std::to_string(bytes) +
                               " bytes between two kernels");
    }
  }
  ~Scratch() { allocator_->Free(allocator_, data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* data() const { return data_; }

 private:
  ort::Allocator* allocator_ = nullptr;
  void* data_ = nullptr;
};

// As many blocks of such memory as a node asks for, beside its first input.
class ScratchBlocks {
 public:
  explicit ScratchBlocks(const ort::KernelContext* context) : context_(context) {
    throwIfFailed(ort::KernelContextGetInput(context, 0, &beside_));
  }
  void* operator()(size_t bytes) {
    blocks_.push_back(std::make_unique<Scratch>(context_, beside_, bytes));
    return blocks_.back()->data();
  }

 private:
  const ort::KernelContext* context_;
  const ort::Value* beside_ = nullptr;
  std::vector<std::unique_ptr<Scratch>> blocks_;
};

}  // namespace torchopt::cuda
