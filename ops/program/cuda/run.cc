#include "run.h"

namespace torchopt {

template <class T>
CudaKernels<T>::CudaKernels(CudaSource source)
    : source_(std::move(source)),
      // Products and sums stay apart, as on the CPU: a program says itself where they are one operation.
      module_(cuda::sharedModule(sizeof(T) == 4 ? "ProgramF32" : "ProgramF64",
                                 source_.common + source_.own, true)) {
  source_.common.clear();
  source_.own.clear();
}

template <class T>
void CudaKernels<T>::prepare(int device) const {
  if (!source_.launches.empty()) module_->prepare(cuda::deviceInfo(device).architecture);
}

template <class T>
cuda::State CudaKernels<T>::state(int device) const {
  if (source_.launches.empty()) return cuda::State::ready;
  return module_->state(cuda::deviceInfo(device).architecture);
}

template <class T>
std::string CudaKernels<T>::error(int device) const {
  return module_->error(cuda::deviceInfo(device).architecture);
}

template <class T>
void CudaKernels<T>::run(cuda::Stream stream, T* const* buffers, T* memory) const {
  std::vector<T*> pointers;
  for (const CudaLaunch& launch : source_.launches) {
    pointers.clear();
    for (const uint32_t b : launch.buffers) pointers.push_back(buffers[b]);
    if (launch.memory) pointers.push_back(memory);
    void* const parameters[] = {pointers.data()};
    module_->launchWith(stream, launch.kernel.c_str(), launch.blocks, launch.threads, parameters);
  }
}

template class CudaKernels<float>;
template class CudaKernels<double>;

}  // namespace torchopt
