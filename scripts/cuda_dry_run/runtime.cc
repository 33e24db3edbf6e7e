// NVIDIA's CUDA runtime, as far as ONNX Runtime's provider uses it, with the CPU as the device. For the
// dry run (scripts/cuda_dry_run.ts), on Linux.
//
// - Device memory is memory that the host may not touch: it is readable only while a task of a stream
//   runs, so that a kernel of the host that gets a device's address ends the process.
// - Each copy is checked: whether it lies within one living block, on the side that it says.
// - FAKE_CUDA_LATE=1: what is put into a stream runs when something waits for it, and not before. What
//   forgets to wait then reads what was there before.
// - What two streams do with the same memory has to be ordered, see order.h: work in the wrong stream is
//   a mistake, whether or not it is early enough by chance.
// - Kernels of the provider are machine code for GPUs. They do nothing here, and are counted by name.
//
// FAKE_CUDA_DEVICES (1), FAKE_CUDA_LIMIT (bytes of each device), FAKE_CUDA_TRACE=1.
#include <cuda_runtime_api.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "order.h"
#include "parameters.h"

#define EXPORT extern "C" __attribute__((visibility("default")))
#define CUDA EXPORT cudaError_t

using fake_cuda::Clock;
using fake_cuda::How;

namespace {

using Task = std::function<void()>;

long long variable(const char* name, long long otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != 0 ? std::atoll(text) : otherwise;
}

const bool kLate = variable("FAKE_CUDA_LATE", 0) != 0;
const bool kTrace = variable("FAKE_CUDA_TRACE", 0) != 0;
const int kDevices = int(variable("FAKE_CUDA_DEVICES", 1));
const size_t kLimit = size_t(variable("FAKE_CUDA_LIMIT", 8LL << 30));
constexpr size_t kRegion = size_t(32) << 30, kAlign = 512, kFilled = size_t(4) << 20;
// Blocks above this lie in the second half of a region, which stays open: to close it takes long.
constexpr size_t kLarge = size_t(1) << 20;

std::recursive_mutex& guard() {
  static auto& mutex = *new std::recursive_mutex;
  return mutex;
}
using Lock = std::lock_guard<std::recursive_mutex>;

// What happened, as fake_cuda_counts gives it.
struct Counts {
  uint64_t toDevice, toDeviceBytes, toHost, toHostBytes, within, kernels, skipped, products, waits, liveBytes;
} counts;

std::vector<std::string>& mistakes() {
  static auto& list = *new std::vector<std::string>;
  return list;
}

std::map<std::string, uint64_t>& skippedKernels() {
  static auto& names = *new std::map<std::string, uint64_t>;
  return names;
}

thread_local cudaError_t last = cudaSuccess;
thread_local int current = 0;

cudaError_t fail(cudaError_t error) { return last = error; }

cudaError_t mistake(const std::string& what) {
  std::fprintf(stderr, "fake CUDA: %s\n", what.c_str());
  mistakes().push_back(what);
  return fail(cudaErrorInvalidValue);
}

fake_cuda::Order& order() {
  static auto& all = *new fake_cuda::Order;
  return all;
}

// Addresses of all devices; the host may touch them only while a task runs.
struct Memory {
  char* base;
  int running = 0;
  std::map<char*, size_t> blocks;
  std::vector<size_t> used;

  Memory() : used(size_t(kDevices)) {
    base = static_cast<char*>(mmap(nullptr, kRegion * size_t(kDevices), PROT_NONE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    for (size_t i = 0; i < size_t(kDevices); ++i)
      mprotect(base + kRegion * i + kRegion / 2, kRegion / 2, PROT_READ | PROT_WRITE);
  }
  int deviceOf(const void* address) const {
    const char* at = static_cast<const char*>(address);
    return at < base || at >= base + kRegion * size_t(kDevices) ? -1 : int(size_t(at - base) / kRegion);
  }
  // The block that holds all of some bytes.
  bool holds(const void* address, size_t bytes) const {
    char* at = static_cast<char*>(const_cast<void*>(address));
    auto next = blocks.upper_bound(at);
    if (next == blocks.begin()) return false;
    --next;
    return at + bytes <= next->first + next->second;
  }
  void* take(size_t bytes) {
    const size_t size = (bytes + kAlign) / kAlign * kAlign;
    if (used[size_t(current)] + size > kLimit) return nullptr;
    char* const first = base + kRegion * size_t(current) + (size > kLarge ? kRegion / 2 : 0);
    char* at = first;
    for (auto it = blocks.lower_bound(first); it != blocks.end() && it->first < first + kRegion / 2; ++it) {
      if (it->first >= at + size) break;
      at = it->first + it->second;
    }
    blocks[at] = size;
    used[size_t(current)] += size;
    counts.liveBytes += size;
    return at;
  }
  bool give(void* address) {
    auto found = blocks.find(static_cast<char*>(address));
    if (found == blocks.end()) return false;
    used[size_t(deviceOf(address))] -= found->second;
    counts.liveBytes -= found->second;
    order().forget(found->first, found->second);
    madvise(found->first, found->second, MADV_DONTNEED);
    blocks.erase(found);
    return true;
  }
  void protect(int how) {
    for (size_t i = 0; i < size_t(kDevices); ++i) mprotect(base + kRegion * i, kRegion / 2, how);
  }
  void open() {
    if (running++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    if (--running == 0) protect(PROT_NONE);
  }
};

struct sigaction before;
void touched(int, siginfo_t*, void*);

Memory& memory() {
  static Memory& all = *[] {
    struct sigaction action = {};
    action.sa_sigaction = touched;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, &before);
    return new Memory;
  }();
  return all;
}

// The host may not touch memory of a device; other addresses are the business of whoever came before.
void touched(int, siginfo_t* info, void*) {
  if (memory().deviceOf(info->si_addr) < 0) {
    sigaction(SIGSEGV, &before, nullptr);
    return;
  }
  const char text[] = "fake CUDA: the host touched memory of a device\n";
  _exit(write(2, text, sizeof text - 1) < 0 ? 4 : 3);
}

// Blocks of the host that are not paged out, and their bytes.
std::map<const char*, size_t>& pinned() {
  static auto& blocks = *new std::map<const char*, size_t>;
  return blocks;
}

void work(const Task& task) {
  memory().open();
  task();
  memory().close();
}

struct Stream {
  int device;
  // Whether it waits for the default stream, and that for it.
  bool blocking;
  std::deque<Task> tasks;
  uint64_t begun = 0, done = 0;
  const size_t number = order().add();
};

std::set<Stream*>& streams() {
  static auto& all = *new std::set<Stream*>;
  return all;
}

Stream* defaultStream(int device) {
  static auto& all = *new std::map<int, Stream*>;
  Stream*& stream = all[device];
  if (stream == nullptr) streams().insert(stream = new Stream{device, true, {}});
  return stream;
}

Stream* streamOf(void* handle) {
  const auto value = reinterpret_cast<uintptr_t>(handle);
  return value <= 2 ? defaultStream(current) : static_cast<Stream*>(handle);
}

void runUntil(Stream* stream, uint64_t ticket) {
  while (stream->done < ticket && !stream->tasks.empty()) {
    const Task task = std::move(stream->tasks.front());
    stream->tasks.pop_front();
    ++stream->done;
    work(task);
  }
}

// The host waits for a stream.
void drain(Stream* stream) {
  runUntil(stream, stream->begun);
  order().hostWaitsFor(order().of(stream->number));
}

void drainDevice(int device) {
  for (Stream* stream : streams()) if (stream->device == device) drain(stream);
}

// Work is about to be put into a stream: the default stream waits for all others that block, and they
// for it.
void begin(Stream* stream) {
  Stream* const first = defaultStream(stream->device);
  if (stream == first) {
    for (const Stream* other : streams())
      if (other->blocking && other->device == stream->device)
        order().waitFor(stream->number, order().of(other->number));
  } else if (stream->blocking) {
    order().waitFor(stream->number, order().of(first->number));
  }
  order().put(stream->number);
}

// Work that is about to be put into a stream uses memory of a device.
void use(void* handle, const void* address, size_t bytes, How how, const std::string& who) {
  if (memory().deviceOf(address) < 0) return;
  Stream* const stream = streamOf(handle);
  begin(stream);
  const std::string wrong = order().access(stream->number, address, bytes, how, who);
  if (!wrong.empty()) mistake(wrong);
}

void put(void* handle, Task task) {
  const Lock lock(guard());
  Stream* const stream = streamOf(handle);
  begin(stream);
  if (!kLate) return work(task);
  if (stream == defaultStream(stream->device)) {
    for (Stream* other : streams()) {
      if (other == stream || !other->blocking || other->device != stream->device) continue;
      const uint64_t ticket = other->begun;
      stream->tasks.push_back([other, ticket] { runUntil(other, ticket); });
      ++stream->begun;
    }
  }
  stream->tasks.push_back(std::move(task));
  ++stream->begun;
}

struct Event {
  Stream* stream = nullptr;
  uint64_t ticket = 0;
  Clock clock;
};

const char* kindName(cudaMemcpyKind kind) {
  const char* names[] = {"host to host", "host to device", "device to host", "device to device"};
  return kind <= cudaMemcpyDeviceToDevice ? names[kind] : "default";
}

// Whether a copy goes where it says, and only there.
cudaError_t checkCopy(void* to, const void* from, size_t bytes, cudaMemcpyKind& kind) {
  const bool toDevice = memory().deviceOf(to) >= 0, fromDevice = memory().deviceOf(from) >= 0;
  const auto real = cudaMemcpyKind((fromDevice ? 2 : 0) + (toDevice ? 1 : 0));
  if (kind == cudaMemcpyDefault) kind = real;
  const std::string what = "a copy of " + std::to_string(bytes) + " bytes from " + kindName(kind);
  if (kind != real) return mistake(what + " goes from " + kindName(real));
  if (toDevice && !memory().holds(to, bytes)) return mistake(what + " ends outside of its block");
  if (fromDevice && !memory().holds(from, bytes)) return mistake(what + " begins outside of its block");
  if (kind == cudaMemcpyHostToDevice) ++counts.toDevice, counts.toDeviceBytes += bytes;
  if (kind == cudaMemcpyDeviceToHost) ++counts.toHost, counts.toHostBytes += bytes;
  if (kind == cudaMemcpyDeviceToDevice) ++counts.within;
  if (kTrace) std::fprintf(stderr, "fake CUDA: copy of %zu bytes, %s\n", bytes, kindName(kind));
  return cudaSuccess;
}

bool isPinned(const void* address) {
  const char* const at = static_cast<const char*>(address);
  const auto next = pinned().upper_bound(at);
  return next != pinned().begin() && at < std::prev(next)->first + std::prev(next)->second;
}

std::map<const void*, std::string>& kernels() {
  static auto& names = *new std::map<const void*, std::string>;
  return names;
}

// Pointers of kernels, by their names.
const std::vector<fake_cuda::PointerParameter>& pointersOf(const std::string& name) {
  static auto& known = *new std::map<std::string, std::vector<fake_cuda::PointerParameter>>;
  const auto found = known.find(name);
  return found != known.end() ? found->second
                              : known[name] = fake_cuda::pointerParameters(name);
}

cudaError_t launch(const void* kernel, void** parameters, cudaStream_t stream) {
  const Lock lock(guard());
  const std::string& name = kernels()[kernel];
  for (const auto& [index, how] : pointersOf(name))
    use(stream, *static_cast<void**>(parameters[index]), 0, how, name);
  begin(streamOf(stream));
  ++counts.skipped;
  ++skippedKernels()[name];
  if (kTrace) std::fprintf(stderr, "fake CUDA: no kernel %.200s\n", name.c_str());
  return cudaSuccess;
}

}  // namespace

// Puts work into a stream: the fakes of other libraries use it.
EXPORT void fake_cuda_enqueue(void* stream, void (*run)(void*), void* data) {
  const Lock lock(guard());
  ++counts.kernels;
  put(stream, [run, data] { run(data); });
}
// Work that is put next into a stream uses these bytes (0: not known how many). `how` as in order.h.
EXPORT void fake_cuda_use(void* stream, const void* address, size_t bytes, int how, const char* who) {
  const Lock lock(guard());
  use(stream, address, bytes, How(how), who);
}
EXPORT void fake_cuda_product() { ++counts.products; }
EXPORT void fake_cuda_counts(Counts* out) {
  const Lock lock(guard());
  *out = counts;
}
EXPORT int fake_cuda_mistakes() { return int(mistakes().size()); }
EXPORT const char* fake_cuda_mistake(int i) { return mistakes()[size_t(i)].c_str(); }
// Names of the kernels that did nothing, one in a line.
EXPORT const char* fake_cuda_skipped() {
  static std::string text;
  text.clear();
  for (const auto& [name, count] : skippedKernels()) text += std::to_string(count) + " " + name + "\n";
  return text.c_str();
}

// ------------------------------------------------------------ devices

CUDA cudaGetDeviceCount(int* count) { return *count = kDevices, cudaSuccess; }
CUDA cudaGetDevice(int* device) { return *device = current, cudaSuccess; }
CUDA cudaSetDevice(int device) {
  if (device < 0 || device >= kDevices) return fail(cudaErrorInvalidDevice);
  return current = device, cudaSuccess;
}
CUDA cudaRuntimeGetVersion(int* version) { return *version = 13000, cudaSuccess; }
CUDA cudaDriverGetVersion(int* version) { return *version = 13000, cudaSuccess; }
EXPORT const char* cudaGetErrorString(cudaError_t e) {
  return e == cudaErrorMemoryAllocation ? "out of memory" : "error of the fake CUDA runtime";
}
EXPORT const char* cudaGetErrorName(cudaError_t e) {
  return e == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation" : "cudaErrorFake";
}
CUDA cudaGetLastError() {
  const cudaError_t error = last;
  return last = cudaSuccess, error;
}
CUDA cudaPeekAtLastError() { return last; }
CUDA cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  std::memset(p, 0, sizeof *p);
  std::strcpy(p->name, "Fake GPU (CPU)");
  p->major = 9, p->minor = 0, p->multiProcessorCount = 2, p->warpSize = 32;
  p->maxThreadsPerBlock = 1024, p->maxThreadsPerMultiProcessor = 2048, p->regsPerBlock = 65536;
  p->sharedMemPerBlock = 49152, p->sharedMemPerBlockOptin = 232448, p->l2CacheSize = 1 << 20;
  p->totalGlobalMem = kLimit, p->maxGridSize[0] = 2147483647, p->maxGridSize[1] = p->maxGridSize[2] = 65535;
  return cudaSuccess;
}
CUDA cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor: return *value = 9, cudaSuccess;
    case cudaDevAttrWarpSize: return *value = 32, cudaSuccess;
    case cudaDevAttrMultiProcessorCount: return *value = 2, cudaSuccess;
    case cudaDevAttrMaxThreadsPerBlock: return *value = 1024, cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock: return *value = 49152, cudaSuccess;
    default: return *value = 0, cudaSuccess;
  }
}
CUDA cudaDeviceSynchronize() {
  const Lock lock(guard());
  ++counts.waits;
  return drainDevice(current), cudaSuccess;
}

// ------------------------------------------------------------- memory

CUDA cudaMemGetInfo(size_t* free, size_t* total) {
  const Lock lock(guard());
  return *total = kLimit, *free = kLimit - memory().used[size_t(current)], cudaSuccess;
}
CUDA cudaMalloc(void** address, size_t bytes) {
  const Lock lock(guard());
  *address = memory().take(bytes);
  if (*address == nullptr) return fail(cudaErrorMemoryAllocation);
  // Numbers that nobody wrote are NaN.
  work([=] { std::memset(*address, 0xff, bytes < kFilled ? bytes : kFilled); });
  return cudaSuccess;
}
CUDA cudaFree(void* address) {
  const Lock lock(guard());
  if (address == nullptr) return cudaSuccess;
  const int device = memory().deviceOf(address);
  if (device >= 0) drainDevice(device);
  return device >= 0 && memory().give(address) ? cudaSuccess : mistake("cudaFree of no block");
}
CUDA cudaMallocFromPoolAsync(void** address, size_t bytes, cudaMemPool_t, cudaStream_t) { return cudaMalloc(address, bytes); }
CUDA cudaFreeAsync(void* address, cudaStream_t stream) {
  const Lock lock(guard());
  use(stream, address, 0, How::write, "cudaFreeAsync");
  put(stream, [address] { memory().give(address); });
  return cudaSuccess;
}
CUDA cudaHostAlloc(void** address, size_t bytes, unsigned) {
  const Lock lock(guard());
  *address = std::aligned_alloc(256, (bytes + 256) / 256 * 256);
  pinned()[static_cast<char*>(*address)] = bytes;
  return cudaSuccess;
}
CUDA cudaMallocHost(void** address, size_t bytes) { return cudaHostAlloc(address, bytes, 0); }
CUDA cudaFreeHost(void* address) {
  const Lock lock(guard());
  for (int device = 0; device < kDevices; ++device) drainDevice(device);
  pinned().erase(static_cast<char*>(address));
  return std::free(address), cudaSuccess;
}
CUDA cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* address) {
  const Lock lock(guard());
  std::memset(attributes, 0, sizeof *attributes);
  const int device = memory().deviceOf(address);
  attributes->type = device >= 0 ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
  attributes->device = device >= 0 ? device : 0;
  return cudaSuccess;
}
namespace {
constexpr const char* kCopy = "a copy";
void copy(void* stream, void* to, const void* from, size_t bytes) {
  use(stream, from, bytes, How::read, kCopy);
  use(stream, to, bytes, How::write, kCopy);
  put(stream, [=] { std::memmove(to, from, bytes); });
}
}  // namespace
CUDA cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const Lock lock(guard());
  if (bytes == 0) return cudaSuccess;
  if (const cudaError_t error = checkCopy(to, from, bytes, kind)) return error;
  copy(nullptr, to, from, bytes);
  // From memory that may be paged out, only the host's part is over when it returns.
  if (kind == cudaMemcpyHostToDevice && !isPinned(from)) runUntil(defaultStream(current), defaultStream(current)->begun);
  else drain(defaultStream(current));
  return cudaSuccess;
}
CUDA cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const Lock lock(guard());
  if (bytes == 0) return cudaSuccess;
  if (const cudaError_t error = checkCopy(to, from, bytes, kind)) return error;
  if (kind == cudaMemcpyDeviceToHost && !isPinned(to)) {
    // To memory that may be paged out it is over when it returns.
    copy(stream, to, from, bytes);
    return drain(streamOf(stream)), cudaSuccess;
  }
  if (kind == cudaMemcpyHostToDevice && !isPinned(from)) {
    // From there it is read before it returns.
    const auto* bytesOf = static_cast<const char*>(from);
    std::vector<char> held(bytesOf, bytesOf + bytes);
    use(stream, to, bytes, How::write, kCopy);
    put(stream, [to, held = std::move(held)] { std::memcpy(to, held.data(), held.size()); });
    return cudaSuccess;
  }
  copy(stream, to, from, bytes);
  return cudaSuccess;
}
CUDA cudaMemcpy2DAsync(void* to, size_t toPitch, const void* from, size_t fromPitch, size_t width,
                       size_t height, cudaMemcpyKind, cudaStream_t stream) {
  const Lock lock(guard());
  ++counts.within;
  if (width * height == 0) return cudaSuccess;
  use(stream, from, fromPitch * (height - 1) + width, How::read, kCopy);
  use(stream, to, toPitch * (height - 1) + width, How::write, kCopy);
  put(stream, [=] {
    for (size_t row = 0; row < height; ++row)
      std::memmove(static_cast<char*>(to) + row * toPitch, static_cast<const char*>(from) + row * fromPitch, width);
  });
  return cudaSuccess;
}
CUDA cudaMemset(void* to, int value, size_t bytes) {
  const Lock lock(guard());
  if (!memory().holds(to, bytes)) return mistake("cudaMemset outside of a block");
  use(nullptr, to, bytes, How::write, "cudaMemset");
  put(nullptr, [=] { std::memset(to, value, bytes); });
  return cudaSuccess;
}
CUDA cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  const Lock lock(guard());
  if (!memory().holds(to, bytes)) return mistake("cudaMemsetAsync outside of a block");
  use(stream, to, bytes, How::write, "cudaMemsetAsync");
  put(stream, [=] { std::memset(to, value, bytes); });
  return cudaSuccess;
}

// -------------------------------------------------- streams and events

CUDA cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Lock lock(guard());
  auto* made = new Stream{current, (flags & cudaStreamNonBlocking) == 0, {}};
  streams().insert(made);
  *stream = reinterpret_cast<cudaStream_t>(made);
  return cudaSuccess;
}
CUDA cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }
CUDA cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(guard());
  Stream* const gone = streamOf(stream);
  drain(gone);
  streams().erase(gone);  // an event may still name it, so that it is not freed
  return cudaSuccess;
}
CUDA cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(guard());
  ++counts.waits;
  return drain(streamOf(stream)), cudaSuccess;
}
CUDA cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus* status) {
  return *status = cudaStreamCaptureStatusNone, cudaSuccess;
}
CUDA cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) { return fail(cudaErrorNotSupported); }
CUDA cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = reinterpret_cast<cudaEvent_t>(new Event);
  return cudaSuccess;
}
CUDA cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
CUDA cudaEventDestroy(cudaEvent_t event) { return delete reinterpret_cast<Event*>(event), cudaSuccess; }
CUDA cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock(guard());
  Stream* const recorded = streamOf(stream);
  begin(recorded);
  *reinterpret_cast<Event*>(event) = {recorded, recorded->begun, order().of(recorded->number)};
  return cudaSuccess;
}
CUDA cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(guard());
  const Event& e = *reinterpret_cast<Event*>(event);
  ++counts.waits;
  if (e.stream != nullptr) runUntil(e.stream, e.ticket), order().hostWaitsFor(e.clock);
  return cudaSuccess;
}
CUDA cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) { return *milliseconds = 0, cudaSuccess; }
CUDA cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Lock lock(guard());
  const Event e = *reinterpret_cast<Event*>(event);
  if (e.stream == nullptr) return cudaSuccess;
  order().waitFor(streamOf(stream)->number, e.clock);
  put(stream, [e] { runUntil(e.stream, e.ticket); });
  return cudaSuccess;
}
CUDA cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t run, void* data) {
  put(stream, [=] { run(data); });
  return cudaSuccess;
}

// ------------------------------------------------------------- kernels

EXPORT void** __cudaRegisterFatBinary(void*) { return static_cast<void**>(std::calloc(1, 64)); }
EXPORT void __cudaRegisterFunction(void**, const char* host, char*, const char* name, int, uint3*, uint3*,
                                   dim3*, dim3*, int*) {
  const Lock lock(guard());
  kernels()[host] = name;
}
CUDA cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  std::memset(attributes, 0, sizeof *attributes);
  return attributes->maxThreadsPerBlock = 1024, cudaSuccess;
}
CUDA cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* count, const void*, int, size_t, unsigned) {
  return *count = 1, cudaSuccess;
}
namespace {
thread_local struct { dim3 blocks, threads; size_t shared; cudaStream_t stream; } call;
}
EXPORT unsigned __cudaPushCallConfiguration(dim3 blocks, dim3 threads, size_t shared, cudaStream_t stream) {
  call = {blocks, threads, shared, stream};
  return 0;
}
CUDA __cudaPopCallConfiguration(dim3* blocks, dim3* threads, size_t* shared, void* stream) {
  *blocks = call.blocks, *threads = call.threads, *shared = call.shared;
  *static_cast<cudaStream_t*>(stream) = call.stream;
  return cudaSuccess;
}
CUDA __cudaGetKernel(cudaKernel_t* kernel, const void* host) {
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(host));
  return cudaSuccess;
}
CUDA __cudaLaunchKernel(cudaKernel_t kernel, dim3, dim3, void** parameters, size_t, cudaStream_t stream) {
  return launch(kernel, parameters, stream);
}
CUDA cudaLaunchKernel(const void* kernel, dim3, dim3, void** parameters, size_t, cudaStream_t stream) {
  return launch(kernel, parameters, stream);
}
CUDA cudaLaunchCooperativeKernel(const void* kernel, dim3, dim3, void** parameters, size_t,
                                 cudaStream_t stream) {
  return launch(kernel, parameters, stream);
}
CUDA cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* kernel, void** parameters) {
  return launch(kernel, parameters, config->stream);
}
