// Streams of NVIDIA's driver, which are those of its runtime (runtime.cc). For the dry run.
#include <cuda_runtime_api.h>

#define DRIVER extern "C" __attribute__((visibility("default"))) int

DRIVER cuStreamCreate(void** stream, unsigned flags) {
  return cudaStreamCreateWithFlags(reinterpret_cast<cudaStream_t*>(stream), flags);
}
DRIVER cuStreamSynchronize(void* stream) {
  return cudaStreamSynchronize(static_cast<cudaStream_t>(stream));
}
DRIVER cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, size_t bytes, void* stream) {
  return cudaMemcpyAsync(reinterpret_cast<void*>(to), from, bytes, cudaMemcpyHostToDevice,
                         static_cast<cudaStream_t>(stream));
}
DRIVER cuCtxSynchronize() { return cudaDeviceSynchronize(); }
