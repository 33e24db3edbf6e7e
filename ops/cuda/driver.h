// NVIDIA's driver, opened at run time: the ops library is built without CUDA and loads without it.
#pragma once

#include <cstddef>
#include <string>

namespace torchopt::cuda {

// CUstream, CUcontext, CUmodule and CUfunction of the driver.
using Stream = void*;
using Context = void*;
using ModuleHandle = void*;
using Function = void*;

// The functions in use, by their names in the driver without "cu".
struct Driver {
  int (*Init)(unsigned flags);
  int (*DeviceGet)(int* device, int ordinal);
  int (*DeviceGetAttribute)(int* value, int attribute, int device);
  int (*GetErrorString)(int code, const char** text);
  int (*CtxGetCurrent)(Context*);
  int (*CtxGetDevice)(int* device);
  int (*CtxPushCurrent)(Context);
  int (*CtxPopCurrent)(Context*);
  int (*DevicePrimaryCtxRetain)(Context*, int device);
  int (*CtxSynchronize)();
  int (*StreamGetCtx)(Stream, Context*);
  int (*ModuleLoadData)(ModuleHandle*, const void* image);
  int (*ModuleGetFunction)(Function*, ModuleHandle, const char* name);
  int (*LaunchKernel)(Function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                      unsigned blockY, unsigned blockZ, unsigned sharedBytes, Stream, void** params,
                      void** extra);
  int (*MemsetD8Async)(unsigned long long address, unsigned char value, size_t bytes, Stream);
  int (*MemcpyDtoDAsync)(unsigned long long to, unsigned long long from, size_t bytes, Stream);
};

// Names the driver's library in the place of the system's. Only before the first use.
void setDriverPath(const std::string& path);

// The driver. Throws std::runtime_error where there is none, or it has no GPU.
const Driver& driver();

// Throws with what was attempted where a call failed.
void check(int code, const char* what);

// What kernels have to know of a GPU.
struct DeviceInfo {
  int architecture;  // 90 for sm_90
  int processors;    // that run blocks side by side
};

// The GPU with a number.
const DeviceInfo& deviceInfo(int device);

// The GPU of the context of this thread; the first one where there is no context.
int currentDevice();

// Makes the context of a stream that of this thread, and puts the one before back at its end. The null
// stream is that of the current context.
class ContextScope {
 public:
  explicit ContextScope(Stream stream);
  // The same with the context that everybody shares on a GPU.
  explicit ContextScope(int device);
  ~ContextScope();
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;
  Context context() const { return context_; }

 private:
  void enter(Context current);

  Context context_ = nullptr;
  bool pushed_ = false;
};

// Waits until everything is done in the context of this thread.
void waitForDevice();

// Copies and fills on the device, in the order of the stream.
void copyOnDevice(Stream stream, void* to, const void* from, size_t bytes);
void zeroOnDevice(Stream stream, void* address, size_t bytes);

}  // namespace torchopt::cuda
