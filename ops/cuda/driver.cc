#include "driver.h"

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "library.h"

namespace torchopt::cuda {

namespace {

constexpr int kProcessorCount = 16, kMajor = 75, kMinor = 76;  // CUdevice_attribute
constexpr int kMaxDevices = 64;

#if defined(_WIN32)
constexpr const char* kName = "nvcuda.dll";
#else
constexpr const char* kName = "libcuda.so.1";
#endif

std::string& driverPath() {
  static std::string& text = *new std::string(kName);
  return text;
}

struct Opened {
  Driver driver{};
  std::string why;  // empty where it is usable
};

std::string bindAll(void* library, Driver& d) {
  const char* missing = nullptr;
  const auto need = [&](const char* name, auto& target) {
    if (!bind(library, name, target) && missing == nullptr) missing = name;
  };
  need("cuInit", d.Init);
  need("cuDeviceGet", d.DeviceGet);
  need("cuDeviceGetAttribute", d.DeviceGetAttribute);
  need("cuGetErrorString", d.GetErrorString);
  need("cuCtxGetCurrent", d.CtxGetCurrent);
  need("cuCtxGetDevice", d.CtxGetDevice);
  need("cuCtxPushCurrent_v2", d.CtxPushCurrent);
  need("cuCtxPopCurrent_v2", d.CtxPopCurrent);
  need("cuDevicePrimaryCtxRetain", d.DevicePrimaryCtxRetain);
  need("cuCtxSynchronize", d.CtxSynchronize);
  need("cuStreamGetCtx", d.StreamGetCtx);
  need("cuModuleLoadData", d.ModuleLoadData);
  need("cuModuleGetFunction", d.ModuleGetFunction);
  need("cuLaunchKernel", d.LaunchKernel);
  need("cuMemsetD8Async", d.MemsetD8Async);
  need("cuMemcpyDtoDAsync_v2", d.MemcpyDtoDAsync);
  if (missing != nullptr) return "NVIDIA's driver lacks " + std::string(missing);
  const int code = d.Init(0);
  return code == 0 ? "" : "NVIDIA's driver finds no GPU (code " + std::to_string(code) + ")";
}

const Opened& opened() {
  static const Opened& result = [&]() -> const Opened& {
    auto& made = *new Opened;
    std::string why;
    void* const library = openLibrary(driverPath(), why);
    made.why = library == nullptr ? "NVIDIA's driver does not load: " + why
                                  : bindAll(library, made.driver);
    return made;
  }();
  return result;
}

uint64_t numberOf(const void* address) { return uint64_t(reinterpret_cast<uintptr_t>(address)); }

}  // namespace

void setDriverPath(const std::string& text) { driverPath() = text; }

const Driver& driver() {
  const Opened& result = opened();
  if (!result.why.empty()) throw std::runtime_error(result.why);
  return result.driver;
}

void check(int code, const char* what) {
  if (code == 0) return;
  const char* text = nullptr;
  driver().GetErrorString(code, &text);
  throw std::runtime_error(std::string(what) + " failed: " +
                           (text != nullptr ? text : "unknown error") + " (CUDA error " +
                           std::to_string(code) + ")");
}

const DeviceInfo& deviceInfo(int device) {
  static std::mutex mutex;
  static std::array<std::unique_ptr<DeviceInfo>, kMaxDevices> known;
  if (device < 0 || device >= kMaxDevices) throw std::out_of_range("CUDA: there is no such device");
  const std::lock_guard<std::mutex> lock(mutex);
  auto& info = known[size_t(device)];
  if (info == nullptr) {
    int handle = 0, major = 0, minor = 0, processors = 0;
    check(driver().DeviceGet(&handle, device), "finding the GPU");
    const auto ask = [&](int* value, int attribute) {
      check(driver().DeviceGetAttribute(value, attribute, handle), "asking what the GPU is");
    };
    ask(&major, kMajor);
    ask(&minor, kMinor);
    ask(&processors, kProcessorCount);
    info = std::make_unique<DeviceInfo>(DeviceInfo{10 * major + minor, processors});
  }
  return *info;
}

int currentDevice() {
  Context context = nullptr;
  int device = 0;
  if (driver().CtxGetCurrent(&context) != 0 || context == nullptr) return 0;
  return driver().CtxGetDevice(&device) == 0 ? device : 0;
}

ContextScope::ContextScope(Stream stream) {
  Context current = nullptr;
  check(driver().CtxGetCurrent(&current), "finding the context");
  context_ = current;
  if (stream != nullptr)
    check(driver().StreamGetCtx(stream, &context_), "finding the stream's context");
  if (context_ == nullptr) throw std::runtime_error("CUDA: this thread uses no GPU");
  enter(current);
}

ContextScope::ContextScope(int device) {
  // Held until the process ends: ONNX Runtime uses the same one.
  static std::mutex mutex;
  static std::array<Context, kMaxDevices> known{};
  if (device < 0 || device >= kMaxDevices) throw std::out_of_range("CUDA: there is no such device");
  {
    const std::lock_guard<std::mutex> lock(mutex);
    Context& context = known[size_t(device)];
    int handle = 0;
    if (context == nullptr) {
      check(driver().DeviceGet(&handle, device), "finding the GPU");
      check(driver().DevicePrimaryCtxRetain(&context, handle), "using the GPU");
    }
    context_ = context;
  }
  Context current = nullptr;
  check(driver().CtxGetCurrent(&current), "finding the context");
  enter(current);
}

void ContextScope::enter(Context current) {
  if (context_ == current) return;
  check(driver().CtxPushCurrent(context_), "changing the context");
  pushed_ = true;
}

ContextScope::~ContextScope() {
  Context before = nullptr;
  if (pushed_) driver().CtxPopCurrent(&before);
}

void waitForDevice() { check(driver().CtxSynchronize(), "waiting for the GPU"); }

void copyOnDevice(Stream stream, void* to, const void* from, size_t bytes) {
  if (bytes == 0 || to == from) return;
  const ContextScope scope(stream);
  check(driver().MemcpyDtoDAsync(numberOf(to), numberOf(from), bytes, stream), "copying on the GPU");
}

void zeroOnDevice(Stream stream, void* address, size_t bytes) {
  if (bytes == 0) return;
  const ContextScope scope(stream);
  check(driver().MemsetD8Async(numberOf(address), 0, bytes, stream), "filling memory of the GPU");
}

}  // namespace torchopt::cuda
