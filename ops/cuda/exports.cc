// What TypeScript calls.

#include <cstdint>
#include <stdexcept>
#include <string>

#include "../common/errors.h"
#include "../common/export.h"
#include "../linalg/cuda/solver.h"
#include "cache.h"
#include "module.h"
#include "nvrtc.h"

namespace {

std::string& kept() {
  thread_local std::string text;
  return text;
}

torchopt::cuda::Module& moduleOf(const std::string& name) {
  for (torchopt::cuda::Module* module : torchopt::cuda::builtinModules()) {
    if (module->name() == name) return *module;
  }
  throw std::invalid_argument("there is no CUDA module " + name);
}

int architectureOf(int32_t device) { return torchopt::cuda::deviceInfo(device).architecture; }

}  // namespace

// Names the libraries and the folder for machine code, before their first use; an empty text leaves the
// loader's choice, or goes without the folder.
TORCHOPT_EXPORT void torchopt_cuda_setup(const char* driver, const char* nvrtc, const char* solver,
                                         const char* cache) {
  if (*driver != '\0') torchopt::cuda::setDriverPath(driver);
  if (*nvrtc != '\0') torchopt::cuda::setNvrtcPath(nvrtc);
  torchopt::cuda::setSolverPath(solver);
  torchopt::cuda::setCacheFolder(cache);
}

// Begins to compile all kernels of the library for a GPU in the background. Returns 0, or 1 with a
// message in torchopt_last_error, where there is no driver or no compiler.
TORCHOPT_EXPORT int32_t torchopt_cuda_prepare(int32_t device) {
  return torchopt::recordingErrors([&] {
    const int architecture = architectureOf(device);
    torchopt::cuda::nvrtcVersion();
    for (torchopt::cuda::BuiltinModule* module : torchopt::cuda::builtinModules()) {
      if (!module->rare) module->prepare(architecture);
    }
  });
}

// Waits for a module of the library. Returns 0 once it is there, or 1 with a message in
// torchopt_last_error.
TORCHOPT_EXPORT int32_t torchopt_cuda_wait(const char* name, int32_t device) {
  return torchopt::recordingErrors([&] { moduleOf(name).wait(architectureOf(device)); });
}

// How far a module of the library is: 0 compiling, 1 ready, 2 failed. Where it failed,
// torchopt_last_error says why.
TORCHOPT_EXPORT int32_t torchopt_cuda_state(const char* name, int32_t device) {
  auto state = torchopt::cuda::State::failed;
  const int failed = torchopt::recordingErrors([&] {
    const int architecture = architectureOf(device);
    state = moduleOf(name).state(architecture);
    if (state == torchopt::cuda::State::failed)
      torchopt::lastError() = moduleOf(name).error(architecture);
  });
  return failed != 0 ? int32_t(torchopt::cuda::State::failed) : int32_t(state);
}

// Name, text and options of module i of the library, each behind a line end; null behind the last one.
TORCHOPT_EXPORT const char* torchopt_cuda_module(int32_t i) {
  const auto all = torchopt::cuda::builtinModules();
  if (i < 0 || size_t(i) >= all.size()) return nullptr;
  std::string options;
  for (const std::string& option : all[size_t(i)]->options()) options += option + " ";
  kept() = all[size_t(i)]->name() + "\n" + options + "\n" + all[size_t(i)]->source();
  return kept().c_str();
}
