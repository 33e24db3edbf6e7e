#include "nvrtc.h"

#include <algorithm>
#include <stdexcept>

#include "library.h"

namespace torchopt::cuda {

namespace {

using Program = void*;

struct Nvrtc {
  const char* (*GetErrorString)(int);
  int (*Version)(int*, int*);
  int (*GetNumSupportedArchs)(int*);
  int (*GetSupportedArchs)(int*);
  int (*CreateProgram)(Program*, const char* source, const char* name, int headers,
                       const char* const*, const char* const*);
  int (*DestroyProgram)(Program*);
  int (*CompileProgram)(Program, int options, const char* const*);
  int (*GetProgramLogSize)(Program, size_t*);
  int (*GetProgramLog)(Program, char*);
  int (*GetCUBINSize)(Program, size_t*);
  int (*GetCUBIN)(Program, char*);
  int (*GetPTXSize)(Program, size_t*);
  int (*GetPTX)(Program, char*);
  int major = 0, minor = 0;
  std::vector<int> architectures;
  std::string why;  // empty where it is usable
};

std::string& nvrtcPath() {
  static std::string& text = *new std::string;
  return text;
}

void* openCompiler(std::string& why) {
  if (!nvrtcPath().empty()) return openLibrary(nvrtcPath(), why);
#if defined(_WIN32)
  const char* const names[] = {"nvrtc64_130_0.dll", "nvrtc64_120_0.dll"};
#else
  const char* const names[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};
#endif
  for (const char* name : names) {
    if (void* library = openLibrary(name, why)) return library;
  }
  return nullptr;
}

std::string bindAll(void* library, Nvrtc& n) {
  const char* missing = nullptr;
  const auto need = [&](const char* name, auto& target) {
    if (!bind(library, name, target) && missing == nullptr) missing = name;
  };
  need("nvrtcGetErrorString", n.GetErrorString);
  need("nvrtcVersion", n.Version);
  need("nvrtcGetNumSupportedArchs", n.GetNumSupportedArchs);
  need("nvrtcGetSupportedArchs", n.GetSupportedArchs);
  need("nvrtcCreateProgram", n.CreateProgram);
  need("nvrtcDestroyProgram", n.DestroyProgram);
  need("nvrtcCompileProgram", n.CompileProgram);
  need("nvrtcGetProgramLogSize", n.GetProgramLogSize);
  need("nvrtcGetProgramLog", n.GetProgramLog);
  need("nvrtcGetCUBINSize", n.GetCUBINSize);
  need("nvrtcGetCUBIN", n.GetCUBIN);
  need("nvrtcGetPTXSize", n.GetPTXSize);
  need("nvrtcGetPTX", n.GetPTX);
  if (missing != nullptr) return "the run-time compiler NVRTC lacks " + std::string(missing);
  int count = 0;
  if (n.Version(&n.major, &n.minor) != 0 || n.GetNumSupportedArchs(&count) != 0 || count < 1)
    return "the run-time compiler NVRTC does not answer";
  n.architectures.resize(size_t(count));
  n.GetSupportedArchs(n.architectures.data());
  // NVRTC opens its builtins by their bare name, which the loader finds only where it looks anyway.
  // Where they are open already, it finds these.
  std::string ignored;
  const std::string folder = folderOf(reinterpret_cast<const void*>(n.Version));
#if !defined(_WIN32)
  openLibrary(folder + "libnvrtc-builtins.so." + std::to_string(n.major) + "." +
                  std::to_string(n.minor),
              ignored);
#endif
  return "";
}

const Nvrtc& nvrtc() {
  static const Nvrtc& result = []() -> const Nvrtc& {
    auto& made = *new Nvrtc;
    std::string why;
    void* const library = openCompiler(why);
    made.why = library == nullptr ? "the run-time compiler NVRTC does not load: " + why
                                  : bindAll(library, made);
    return made;
  }();
  if (!result.why.empty()) throw std::runtime_error(result.why);
  return result;
}

// The whole of a result whose size one function gives and whose bytes another one.
template <class Size, class Get>
std::string take(Program program, Size size, Get get) {
  size_t bytes = 0;
  if (size(program, &bytes) != 0) return "";
  std::string text(bytes, '\0');
  if (bytes == 0 || get(program, &text[0]) != 0) return "";
  return text;
}

struct Made {
  const Nvrtc& n;
  Program program = nullptr;
  ~Made() {
    if (program != nullptr) n.DestroyProgram(&program);
  }
};

}  // namespace

void setNvrtcPath(const std::string& text) { nvrtcPath() = text; }

std::string nvrtcVersion() {
  const Nvrtc& n = nvrtc();
  return std::to_string(n.major) + "." + std::to_string(n.minor);
}

std::string compileDeviceCode(const std::string& name, const std::string& source, int architecture,
                              const std::vector<std::string>& options) {
  const Nvrtc& n = nvrtc();
  const auto must = [&](int code, const char* what) {
    if (code != 0) {
      throw std::runtime_error("CUDA kernel " + name + ": " + what + ": " + n.GetErrorString(code));
    }
  };
  int target = 0;
  for (const int known : n.architectures) {
    if (known <= architecture) target = std::max(target, known);
  }
  if (target == 0) {
    throw std::runtime_error("CUDA kernel " + name + ": NVRTC " + nvrtcVersion() +
                             " compiles nothing for a GPU as old as sm_" +
                             std::to_string(architecture));
  }
  const bool exact = target == architecture;
  std::vector<std::string> all = options;
  all.push_back("--gpu-architecture=" + std::string(exact ? "sm_" : "compute_") +
                std::to_string(target));
  all.push_back("--std=c++17");
  std::vector<const char*> flags;
  for (const std::string& option : all) flags.push_back(option.c_str());
  Made made{n};
  must(n.CreateProgram(&made.program, source.c_str(), (name + ".cu").c_str(), 0, nullptr, nullptr),
       "handing it to NVRTC");
  const int code = n.CompileProgram(made.program, int(flags.size()), flags.data());
  if (code != 0) {
    const std::string log = take(made.program, n.GetProgramLogSize, n.GetProgramLog);
    throw std::runtime_error("CUDA kernel " + name + " does not compile (" +
                             n.GetErrorString(code) + "): " + log.c_str());
  }
  const std::string image = exact ? take(made.program, n.GetCUBINSize, n.GetCUBIN)
                                  : take(made.program, n.GetPTXSize, n.GetPTX);
  if (image.empty()) throw std::runtime_error("CUDA kernel " + name + ": NVRTC gives no code");
  return image;
}

}  // namespace torchopt::cuda
