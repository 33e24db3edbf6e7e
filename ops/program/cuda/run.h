// The kernels of a program or a loop, compiled and launched.
#pragma once

#include <memory>

#include "../../cuda/module.h"
#include "source.h"

namespace torchopt {

template <class T>
class CudaKernels {
 public:
  explicit CudaKernels(CudaSource source);

  // Begins to compile for a GPU; the kernels of equal programs are compiled once.
  void prepare(int device) const;
  cuda::State state(int device) const;
  std::string error(int device) const;

  // `buffers`: addresses of inputs and outputs; `memory`: of so many elements. Waits where the kernels
  // are not compiled yet.
  int64_t memory() const { return source_.memory; }
  void run(cuda::Stream stream, T* const* buffers, T* memory) const;

 private:
  CudaSource source_;
  std::shared_ptr<cuda::Module> module_;
};

}  // namespace torchopt
