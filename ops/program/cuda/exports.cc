// What TypeScript and tests call.

#include <memory>

#include "../../common/errors.h"
#include "../../common/export.h"
#include "run.h"

namespace torchopt {

namespace {

// Attributes of a node; a loop has a layout.
struct Attributes {
  const int64_t* code;
  size_t codeLength;
  const int64_t* consts;
  size_t constCount;
  const int64_t* layout;
  size_t layoutLength;

  template <class T>
  Program<T> program() const {
    return decodeProgram<T>(code, codeLength, consts, constCount);
  }
  template <class T>
  CudaSource source(const Program<T>& program, const std::string& name,
                    const CudaLimits& limits) const {
    if (layoutLength == 0) return cudaSource(program, name, limits);
    return cudaLoopSource(program, decodeLoop<T>({layout, layout + layoutLength}, program), name, limits);
  }
};

// Kernels on their way, in either type.
struct Prepared {
  std::unique_ptr<CudaKernels<float>> floats;
  std::unique_ptr<CudaKernels<double>> doubles;

  template <class F>
  auto with(const F& f) const {
    return floats != nullptr ? f(*floats) : f(*doubles);
  }
};

template <class T>
std::unique_ptr<CudaKernels<T>> begin(const Attributes& attributes, int device) {
  const Program<T> program = attributes.program<T>();
  const bool loop = attributes.layoutLength > 0;
  auto kernels = std::make_unique<CudaKernels<T>>(
      attributes.source(program, loop ? "loop" : "program", CudaLimits()));
  kernels->prepare(device);
  return kernels;
}

// Memory, sizes of the inputs, launches; then the texts.
template <class T>
std::string describe(const Attributes& attributes, const std::string& name, const CudaLimits& limits) {
  const Program<T> program = attributes.program<T>();
  const CudaSource source = attributes.source(program, name, limits);
  std::string text = std::to_string(source.memory) + " " + std::to_string(program.inputs);
  for (const int64_t size : program.inputSizes) text += " " + std::to_string(size);
  text += " " + std::to_string(source.launches.size()) + "\n";
  for (const CudaLaunch& launch : source.launches) {
    text += launch.kernel + " " + std::to_string(launch.blocks) + " " + std::to_string(launch.threads) +
            " " + std::to_string(int(launch.memory)) + " " + std::to_string(launch.buffers.size());
    for (const uint32_t b : launch.buffers) text += " " + std::to_string(b);
    text += "\n";
  }
  const std::string common = cuda::kPrelude + source.common;
  return text + std::to_string(common.size()) + "\n" + common + source.own;
}

}  // namespace

}  // namespace torchopt

// Begins to compile the kernels of a Program or, with a layout, a Loop with these attributes in the
// background. Returns a handle, or null where there are no such kernels: torchopt_last_error says why.
TORCHOPT_EXPORT void* torchopt_cuda_program_begin(int32_t isF64, const int64_t* code, size_t codeLength,
                                                  const int64_t* consts, size_t constCount,
                                                  const int64_t* layout, size_t layoutLength,
                                                  int32_t device) {
  torchopt::Prepared* prepared = nullptr;
  const int failed = torchopt::recordingErrors([&] {
    const torchopt::Attributes a{code, codeLength, consts, constCount, layout, layoutLength};
    auto made = std::make_unique<torchopt::Prepared>();
    if (isF64 != 0) made->doubles = torchopt::begin<double>(a, device);
    else made->floats = torchopt::begin<float>(a, device);
    prepared = made.release();
  });
  return failed != 0 ? nullptr : prepared;
}

// How far they are: 0 compiling, 1 ready, 2 failed: torchopt_last_error says why.
TORCHOPT_EXPORT int32_t torchopt_cuda_program_state(void* handle, int32_t device) {
  const auto& prepared = *static_cast<const torchopt::Prepared*>(handle);
  int32_t state = 2;
  torchopt::recordingErrors([&] {
    state = int32_t(prepared.with([&](const auto& kernels) { return kernels.state(device); }));
    if (state == int32_t(torchopt::cuda::State::failed))
      torchopt::lastError() = prepared.with([&](const auto& kernels) { return kernels.error(device); });
  });
  return state;
}

// Forgets them; nodes that were made meanwhile keep theirs.
TORCHOPT_EXPORT void torchopt_cuda_program_end(void* handle) {
  delete static_cast<torchopt::Prepared*>(handle);
}

// The source text, for tests and tools: the elements of working memory, the number of inputs and the
// elements each must have, the number of launches; a line for each launch (kernel, blocks, threads,
// whether it gets the memory, its buffers after their number); the bytes of the text that is the same for
// all programs, that text, and the rest. `limits`: numbers for CudaLimits, or null. Null where there are
// no such kernels: torchopt_last_error says why.
TORCHOPT_EXPORT const char* torchopt_cuda_program_text(int32_t isF64, const int64_t* code,
                                                       size_t codeLength, const int64_t* consts,
                                                       size_t constCount, const int64_t* layout,
                                                       size_t layoutLength, const char* name,
                                                       const int64_t* limits) {
  thread_local std::string kept;
  const int failed = torchopt::recordingErrors([&] {
    const torchopt::Attributes a{code, codeLength, consts, constCount, layout, layoutLength};
    torchopt::CudaLimits chosen;
    if (limits != nullptr) {
      chosen = {unsigned(limits[0]), unsigned(limits[1]), limits[2], limits[3], limits[4],
                limits[5],           limits[6],           limits[7], limits[8], size_t(limits[9])};
    }
    kept = isF64 != 0 ? torchopt::describe<double>(a, name, chosen)
                      : torchopt::describe<float>(a, name, chosen);
  });
  return failed != 0 ? nullptr : kept.c_str();
}
