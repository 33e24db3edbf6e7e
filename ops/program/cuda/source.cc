#include "source.h"

#include <algorithm>

#include "step_text.h"

namespace torchopt {

namespace {

// A kernel of these bodies, one after another.
template <class T>
class Kernel {
 public:
  Kernel(const Program<T>& program, const CudaLimits& limits) : program_(program), limits_(limits) {}

  void add(const StepText& step) {
    if (step.body.empty()) return;
    if (!body_.empty()) body_ += "  __syncthreads();\n";
    body_ += step.body;
    buffers_.insert(step.buffers.begin(), step.buffers.end());
    shared_ = std::max(shared_, step.shared);
    memory_ = memory_ || step.memory;
    tasks_ = step.tasks;
    ++steps_;
  }
  size_t steps() const { return steps_; }

  CudaLaunch finish(const std::string& name, std::string& text) const {
    CudaLaunch launch;
    launch.kernel = name;
    launch.threads = limits_.threads;
    if (steps_ == 1) launch.blocks = unsigned(std::min<int64_t>(std::max<int64_t>(tasks_, 1), limits_.blocks));
    const uint32_t arena = uint32_t(program_.inputs + program_.outputs);
    std::string names;
    for (const uint32_t b : buffers_) {
      if (b < arena) {
        names += cat("  T* const b", b, " = args.at[", launch.buffers.size(), "];\n");
        launch.buffers.push_back(b);
      } else {
        launch.memory = true;
        names += cat("  T* const b", b, " = memory + ", program_.arenaOffsets[b - arena], ";\n");
      }
    }
    launch.memory = launch.memory || memory_;
    const size_t pointers = launch.buffers.size() + (launch.memory ? 1 : 0);
    if (pointers > kMaxPointers) {
      throw ProgramError("Program: a step has " + std::to_string(pointers) +
                         " operands and results, a kernel takes " + std::to_string(kMaxPointers));
    }
    const std::string memory =
        launch.memory ? cat("  T* const memory = args.at[", launch.buffers.size(), "];\n") : "";
    text += kernelHead(name, limits_.threads, pointers, shared_) + memory + names + body_ + "}\n";
    return launch;
  }

 private:
  const Program<T>& program_;
  const CudaLimits& limits_;
  std::string body_;
  std::set<uint32_t> buffers_;
  size_t shared_ = 0, steps_ = 0;
  int64_t tasks_ = 1;
  bool memory_ = false;
};

template <class T>
const char* header() {
  return sizeof(T) == 4 ? "using T = float;\nusing V = Lane<T>;\n"
                        : "using T = double;\nusing V = Lane<T>;\n";
}

}  // namespace

std::string kernelHead(const std::string& name, unsigned threads, size_t pointers, size_t shared) {
  return cat("extern \"C\" __global__ void __launch_bounds__(", threads, ") ", name,
             "(const __grid_constant__ Pointers<T, ", std::max<size_t>(pointers, 1), "> args) {\n",
             shared > 0 ? cat("  __shared__ T shared[", shared, "];\n")
                        : std::string("  T* const shared = nullptr;\n  (void)shared;\n"),
             "  const unsigned first = blockIdx.x * kThreads + threadIdx.x, all = gridDim.x * kThreads;\n"
             "  (void)first, (void)all;\n");
}

template <class T>
std::string ownText(const StepWriter<T>& writer, const std::string& kernels) {
  return header<T>() + writer.operations() + kernels;
}
template std::string ownText(const StepWriter<float>&, const std::string&);
template std::string ownText(const StepWriter<double>&, const std::string&);

template <class T>
CudaSource cudaSource(const Program<T>& program, const std::string& name, const CudaLimits& limits) {
  CudaSource source;
  StepWriter<T> writer(program, limits);
  std::string kernels;
  const auto launch = [&](const Kernel<T>& kernel) {
    if (kernel.steps() == 0) return;
    source.launches.push_back(kernel.finish(cat(name, "_", source.launches.size()), kernels));
  };
  const auto& steps = program.steps;
  for (size_t at = 0; at < steps.size();) {
    // How many steps from here on one block can do.
    size_t end = at;
    int64_t total = 0;
    while (end < steps.size() && end - at < limits.chainSteps) {
      const int64_t work = writer.work(steps[end]);
      if (work > limits.small || total + work > limits.chain) break;
      total += work;
      ++end;
    }
    if (end - at > 1) {
      Kernel<T> chain(program, limits);
      for (; at < end; ++at) chain.add(writer.block(steps[at]));
      launch(chain);
      continue;
    }
    for (const StepText& text : writer.kernels(steps[at])) {
      Kernel<T> kernel(program, limits);
      kernel.add(text);
      launch(kernel);
    }
    ++at;
  }
  source.common = cudaPrelude(limits.threads);
  source.own = ownText(writer, kernels);
  source.memory = writer.memory();
  return source;
}

template CudaSource cudaSource(const Program<float>&, const std::string&, const CudaLimits&);
template CudaSource cudaSource(const Program<double>&, const std::string&, const CudaLimits&);

}  // namespace torchopt
