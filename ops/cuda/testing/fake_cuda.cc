// NVIDIA's driver and run-time compiler, as far as the ops library uses them, on the CPU: machine code is
// a shared library that the system's C++ compiler makes, and device memory is memory. For tests, on Linux.
//
// FAKE_CUDA_FLAGS: further flags for the compiler, such as -fsanitize=thread. FAKE_CUDA_ARCH: 90. FAKE_CUDA_DEVICES: 1.
// Where the process, or a CUDA runtime in it, has a function fake_cuda_enqueue(stream, work, data), kernels
// and copies are handed to it instead of being run at once; fake_cuda_use, where that is, is told of their
// memory before.

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "fibers.h"

using Work = void (*)(void* data);
using Enqueue = void (*)(void* stream, Work work, void* data);
// how: 0 read, 1 written, 2 either.
using Use = void (*)(void* stream, const void* address, size_t bytes, int how, const char* who);

namespace {

constexpr int kInvalidValue = 1, kLaunchFailed = 719, kNotFound = 500, kInvalidImage = 200;
constexpr int kCompilation = 6;
constexpr const char* kMagic = "FAKECUBIN";

std::mutex& guard() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}

std::string& failure() {
  static std::string& text = *new std::string;
  return text;
}

int fail(const std::string& what) {
  const std::lock_guard<std::mutex> lock(guard());
  failure() = what;
  std::fprintf(stderr, "fake CUDA: %s\n", what.c_str());
  return kLaunchFailed;
}

const char* variable(const char* name, const char* otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? text : otherwise;
}

std::string readAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A folder that is removed in the end.
struct Folder {
  std::string path;
  Folder() {
    std::string name = std::string(variable("TMPDIR", "/tmp")) + "/fake-cuda-XXXXXX";
    path = mkdtemp(&name[0]) != nullptr ? name : "";
  }
  ~Folder() {
    for (const char* file : {"/kernel.cc", "/kernel.so", "/log"}) std::remove((path + file).c_str());
    rmdir(path.c_str());
  }
};

// Names of the kernels of a text.
std::vector<std::string> kernelsOf(const std::string& source) {
  std::vector<std::string> names;
  for (size_t at = 0; (at = source.find("__global__", at)) != std::string::npos;) {
    at = source.find("void", at);
    if (at == std::string::npos) break;
    at = source.find_first_not_of(" \n", at + 4);
    if (source.compare(at, 17, "__launch_bounds__") == 0)
      at = source.find_first_not_of(" \n", source.find(')', at) + 1);
    names.push_back(source.substr(at, source.find('(', at) - at));
  }
  return names;
}

struct Kernel {
  const char* name;
  void (*call)(void**);
  const size_t* sizes;
  char* shared;
  size_t sharedBytes;
};

struct Module {
  void* library;
  std::map<std::string, Kernel> kernels;
};

struct Program {
  std::string source, name, log, image;
};

// A launch with a copy of its parameters, as the driver makes one.
struct Pending {
  Kernel kernel;
  cuda_cpu::Index blocks, threads;
  std::vector<std::vector<char>> parameters;

  std::string run() {
    std::vector<void*> addresses;
    for (auto& p : parameters) addresses.push_back(p.data());
    return cuda_cpu::run({kernel.call, addresses.data(), blocks, threads, kernel.shared,
                          kernel.sharedBytes});
  }
};

// A function of the process, or of a CUDA runtime in it.
void* ofRuntime(const char* symbol) {
  void* found = dlsym(RTLD_DEFAULT, symbol);
  for (const char* name : {"libcudart.so.13", "libcudart.so.12"}) {
    if (found != nullptr) break;
    if (void* runtime = dlopen(name, RTLD_NOW | RTLD_NOLOAD)) found = dlsym(runtime, symbol);
  }
  return found;
}
Enqueue enqueuing() { return reinterpret_cast<Enqueue>(ofRuntime("fake_cuda_enqueue")); }

struct Bytes {
  char* to;
  const char* from;
  unsigned char value;
  size_t count;
  void run() const {
    if (from != nullptr) std::memmove(to, from, count);
    else std::memset(to, value, count);
  }
};

char theContext;
thread_local void* current = &theContext;

}  // namespace

// Says that the work which is put next into a stream uses memory.
void useMemory(void* stream, const void* address, size_t bytes, int how, const char* who) {
  if (const auto use = reinterpret_cast<Use>(ofRuntime("fake_cuda_use"))) use(stream, address, bytes, how, who);
}

// Runs work on the device: at once, or when the runtime of the process wants.
void enqueueWork(void* stream, Work work, void* data) {
  if (const Enqueue later = enqueuing()) later(stream, work, data);
  else work(data);
}

namespace {

int enqueue(void* stream, const Bytes& bytes) {
  const Work work = [](void* data) {
    static_cast<Bytes*>(data)->run();
    delete static_cast<Bytes*>(data);
  };
  if (bytes.from != nullptr) useMemory(stream, bytes.from, bytes.count, 0, "a copy");
  useMemory(stream, bytes.to, bytes.count, 1, bytes.from != nullptr ? "a copy" : "a memset");
  enqueueWork(stream, work, new Bytes(bytes));
  return 0;
}

}  // namespace

extern "C" {

// Driver.
int cuInit(unsigned) {
  // Kernels use functions of this library.
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&cuInit), &info) != 0)
    dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
  return 0;
}
int cuDriverGetVersion(int* version) { return *version = 13000, 0; }
int cuDeviceGetCount(int* count) { return *count = std::atoi(variable("FAKE_CUDA_DEVICES", "1")), 0; }
int cuDeviceGet(int* device, int ordinal) { return *device = ordinal, 0; }
int cuDeviceGetName(char* name, int size, int) {
  std::snprintf(name, size_t(size), "Fake GPU (CPU)");
  return 0;
}
int cuDeviceGetAttribute(int* value, int attribute, int) {
  const int architecture = std::atoi(variable("FAKE_CUDA_ARCH", "90"));
  *value = attribute == 75 ? architecture / 10 : attribute == 76 ? architecture % 10 : 2;
  return 0;
}
int cuGetErrorString(int code, const char** text) {
  const std::lock_guard<std::mutex> lock(guard());
  *text = code == kLaunchFailed ? failure().c_str() : "fake CUDA error";
  return 0;
}
int cuCtxGetCurrent(void** context) { return *context = current, 0; }
int cuCtxGetDevice(int* device) { return *device = 0, 0; }
int cuCtxPushCurrent_v2(void* context) { return current = context, 0; }
int cuCtxPopCurrent_v2(void** context) { return *context = current, 0; }
int cuDevicePrimaryCtxRetain(void** context, int) { return *context = &theContext, 0; }
// The dry run has streams that may have to be waited for.
__attribute__((weak)) int cuCtxSynchronize() { return 0; }
int cuStreamGetCtx(void*, void** context) { return *context = &theContext, 0; }

int cuModuleLoadData(void** result, const void* image) {
  const char* text = static_cast<const char*>(image);
  if (std::strncmp(text, kMagic, std::strlen(kMagic)) != 0) return kInvalidImage;
  size_t bytes = 0;
  std::memcpy(&bytes, text + std::strlen(kMagic), sizeof bytes);
  const Folder folder;
  const std::string path = folder.path + "/kernel.so";
  std::ofstream(path, std::ios::binary).write(text + std::strlen(kMagic) + sizeof bytes, std::streamsize(bytes));
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail(dlerror());
  *result = new Module{library, {}};
  return 0;
}

int cuModuleGetFunction(void** result, void* handle, const char* name) {
  auto* module = static_cast<Module*>(handle);
  const auto find = [&](const std::string& symbol) { return dlsym(module->library, symbol.c_str()); };
  void* const call = find("cuda_cpu_call_" + std::string(name));
  if (call == nullptr) return kNotFound;
  const auto place = module->kernels.try_emplace(name).first;
  Kernel& kernel = place->second;
  kernel.name = place->first.c_str();
  kernel.call = reinterpret_cast<void (*)(void**)>(call);
  kernel.sizes = reinterpret_cast<const size_t* (*)()>(find("cuda_cpu_sizes_" + std::string(name)))();
  using Shared = void (*)(char**, size_t*);
  reinterpret_cast<Shared>(find("cuda_cpu_shared"))(&kernel.shared, &kernel.sharedBytes);
  *result = &kernel;
  return 0;
}

int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned, void* stream, void** parameters, void**) {
  const Kernel& kernel = *static_cast<Kernel*>(function);
  if (gx * gy * gz == 0 || bx * by * bz == 0 || bx * by * bz > 1024) return kInvalidValue;
  auto* pending = new Pending{kernel, {gx, gy, gz}, {bx, by, bz}, {}};
  size_t total = 0;
  for (size_t i = 0; kernel.sizes[i] != 0; ++i) {
    const char* from = static_cast<const char*>(parameters[i]);
    pending->parameters.emplace_back(from, from + kernel.sizes[i]);
    total += kernel.sizes[i];
  }
  if (total > 4096) return fail("the parameters of a kernel take " + std::to_string(total) + " bytes");
  if (const Enqueue later = enqueuing()) {
    // Any whole word that is an address of the device may be a tensor that the kernel uses.
    for (const auto& parameter : pending->parameters) {
      for (size_t at = 0; at + sizeof(void*) <= parameter.size(); at += sizeof(void*)) {
        void* address = nullptr;
        std::memcpy(&address, parameter.data() + at, sizeof address);
        useMemory(stream, address, 0, 2, kernel.name);
      }
    }
    later(
        stream,
        [](void* data) {
          auto* work = static_cast<Pending*>(data);
          const std::string wrong = work->run();
          if (!wrong.empty()) fail(wrong);
          delete work;
        },
        pending);
    return 0;
  }
  const std::string wrong = pending->run();
  delete pending;
  return wrong.empty() ? 0 : fail(wrong);
}

int cuMemsetD8Async(unsigned long long address, unsigned char value, size_t bytes, void* stream) {
  return enqueue(stream, {reinterpret_cast<char*>(address), nullptr, value, bytes});
}
int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t bytes, void* stream) {
  return enqueue(stream, {reinterpret_cast<char*>(to), reinterpret_cast<const char*>(from), 0, bytes});
}

// Run-time compiler.
const char* nvrtcGetErrorString(int code) { return code == kCompilation ? "NVRTC_ERROR_COMPILATION" : "error"; }
int nvrtcVersion(int* major, int* minor) { return *major = 13, *minor = 0, 0; }
int nvrtcGetNumSupportedArchs(int* count) { return *count = 4, 0; }
int nvrtcGetSupportedArchs(int* list) {
  const int known[] = {75, 80, 90, 100};
  std::memcpy(list, known, sizeof known);
  return 0;
}
int nvrtcCreateProgram(void** result, const char* source, const char* name, int, const char* const*,
                       const char* const*) {
  *result = new Program{source, name, "", ""};
  return 0;
}
int nvrtcDestroyProgram(void** program) {
  delete static_cast<Program*>(*program);
  *program = nullptr;
  return 0;
}
int nvrtcCompileProgram(void* handle, int, const char* const*) {
  auto* program = static_cast<Program*>(handle);
  const Folder folder;
  const std::string source = folder.path + "/kernel.cc", library = folder.path + "/kernel.so";
  const std::string log = folder.path + "/log";
  {
    std::ofstream file(source);
    file << "#include \"cuda_cpu.h\"\n#line 1 \"" << program->name << "\"\n" << program->source;
    for (const std::string& name : kernelsOf(program->source)) file << "\nCUDA_CPU_EXPORT(" << name << ")";
    file << "\nextern \"C\" __attribute__((weak, visibility(\"hidden\"))) char __start_cuda_shared, "
            "__stop_cuda_shared;\n"
            "extern \"C\" void cuda_cpu_shared(char** begin, size_t* bytes) {\n"
            "  *begin = &__start_cuda_shared;\n"
            "  *bytes = size_t(&__stop_cuda_shared - &__start_cuda_shared);\n}\n";
  }
  std::string here = __FILE__;
  here.resize(here.rfind('/'));
  std::ostringstream command;
  command << variable("CXX", "c++") << " -std=c++17 -O1 -g1 -ffp-contract=off -fno-strict-aliasing "
          << "-shared -fPIC " << variable("FAKE_CUDA_FLAGS", "") << " -I'" << here << "' '" << source
          << "' -o '" << library << "' > '" << log << "' 2>&1";
  const int code = std::system(command.str().c_str());
  program->log = readAll(log);
  if (code != 0) return kCompilation;
  const std::string code_ = readAll(library);
  const size_t bytes = code_.size();
  program->image = kMagic;
  program->image.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
  program->image += code_;
  return 0;
}
int nvrtcGetProgramLogSize(void* program, size_t* size) {
  return *size = static_cast<Program*>(program)->log.size() + 1, 0;
}
int nvrtcGetProgramLog(void* program, char* text) {
  return std::strcpy(text, static_cast<Program*>(program)->log.c_str()), 0;
}
int nvrtcGetCUBINSize(void* program, size_t* size) {
  return *size = static_cast<Program*>(program)->image.size(), 0;
}
int nvrtcGetCUBIN(void* program, char* bytes) {
  const std::string& image = static_cast<Program*>(program)->image;
  return std::memcpy(bytes, image.data(), image.size()), 0;
}
int nvrtcGetPTXSize(void* program, size_t* size) { return nvrtcGetCUBINSize(program, size); }
int nvrtcGetPTX(void* program, char* bytes) { return nvrtcGetCUBIN(program, bytes); }

}  // extern "C"
