// Generated CUDA kernels of random programs on the CPU (ops/cuda/testing), compared with the interpreter.
// Usage: fuzz_cuda write FOLDER PROGRAMS SEED writes FOLDER/0.cc ..., each with the kernels of many
// programs, to be compiled to FOLDER/0.so ...; fuzz_cuda run FOLDER PROGRAMS SEED runs them.

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "../../ops/common/errors.h"
#include "../../ops/cuda/module.h"
#include "../../ops/cuda/testing/fibers.h"
#include "../../ops/program/cuda/source.h"
#include "../../ops/program/interpreter.h"
#include "random_program.h"
#include "reference.h"

namespace {

using namespace torchopt;

// Programs of one file.
constexpr int64_t kBatch = 50;

// Elements on which each operation is tried.
constexpr int64_t kElements = 20000;

// What one program of the test is.
struct Case {
  Random random;
  Code code;
  bool real, isDouble;
  CudaLimits limits;
};

// Threads are the same in a file: it has one copy of what all texts begin with.
unsigned threadsOf(int64_t i) {
  const unsigned choices[] = {16, 64, 64, 256};
  return choices[i / kBatch % 4];
}

Case caseOf(int64_t i, uint64_t seed) {
  Case c{Random(seed * 0x9e3779b97f4a7c15ull + uint64_t(i)), {}, false, false, {}};
  // Each operation for itself comes first, in both types.
  const bool single = i < int64_t(2 * kOperationCount);
  c.real = single || chance(c.random, 40);
  c.code = single ? oneOperation(kOperations[i / 2], kElements)
                  : ProgramWriter(c.random, {false, c.real}).write();
  c.isDouble = single ? i % 2 == 1 : chance(c.random, 40);
  // Small limits, so that small programs take all ways.
  CudaLimits& l = c.limits;
  l.threads = threadsOf(i);
  l.blocks = unsigned(between(c.random, 1, 5));
  l.share = between(c.random, 8, 200);
  l.groups = between(c.random, 1, 9);
  l.dot = chance(c.random, 50) ? between(c.random, 1, 9) : 1000;
  l.tiles = chance(c.random, 50) ? 1 : 64;
  l.transpose = chance(c.random, 60) ? 1 : 1000;
  l.small = chance(c.random, 50) ? 0 : between(c.random, 1, 5000);
  l.chain = between(c.random, 1, 20000);
  l.chainSteps = size_t(between(c.random, 1, 6));
  return c;
}

std::vector<int64_t> constantsOf(const Code& code) {
  std::vector<int64_t> consts(code.constants.size());
  if (!consts.empty()) std::memcpy(consts.data(), code.constants.data(), consts.size() * sizeof(double));
  return consts;
}

template <class T>
Program<T> decode(const Code& code) {
  const auto consts = constantsOf(code);
  return decodeProgram<T>(code.words.data(), code.words.size(), consts.data(), consts.size());
}

std::string nameOf(int64_t i) { return "p" + std::to_string(i); }

template <class T>
CudaSource sourceOf(const Case& c, int64_t i) {
  return cudaSource(decode<T>(c.code), nameOf(i), c.limits);
}

int write(const std::string& folder, int64_t programs, uint64_t seed) {
  for (int64_t first = 0; first < programs; first += kBatch) {
    std::ofstream file(folder + "/" + std::to_string(first / kBatch) + ".cc");
    for (int64_t i = first; i < std::min(first + kBatch, programs); ++i) {
      const Case c = caseOf(i, seed);
      const CudaSource source = c.isDouble ? sourceOf<double>(c, i) : sourceOf<float>(c, i);
      if (i == first) file << "#include \"cuda_cpu.h\"\n" << cuda::kPrelude << source.common;
      file << "namespace " << nameOf(i) << " {\n" << source.own;
      for (const CudaLaunch& launch : source.launches) file << "CUDA_CPU_EXPORT(" << launch.kernel << ")\n";
      file << "}\n";
    }
    file << "extern \"C\" __attribute__((weak, visibility(\"hidden\"))) char __start_cuda_shared, "
            "__stop_cuda_shared;\nextern \"C\" void cuda_cpu_shared(char** begin, size_t* bytes) {\n"
            "  *begin = &__start_cuda_shared;\n"
            "  *bytes = size_t(&__stop_cuda_shared - &__start_cuda_shared);\n}\n";
  }
  return 0;
}

struct Counts {
  int64_t compared = 0, inPlace = 0, launches = 0, skipped = 0, different = 0;
};

template <class T>
bool same(T a, T b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b)) || (a == 0 && b == 0);
}

// Runs the kernels of a source on plain memory.
template <class T>
void launch(void* library, const CudaSource& source, const std::vector<T*>& buffers) {
  char* shared = nullptr;
  size_t sharedBytes = 0;
  reinterpret_cast<void (*)(char**, size_t*)>(dlsym(library, "cuda_cpu_shared"))(&shared, &sharedBytes);
  std::vector<T> memory(size_t(source.memory), T(NAN));
  for (const CudaLaunch& one : source.launches) {
    std::vector<T*> pointers;
    for (const uint32_t b : one.buffers) pointers.push_back(buffers[b]);
    if (one.memory) pointers.push_back(memory.data());
    void* parameters[] = {pointers.data()};
    const auto call =
        reinterpret_cast<void (*)(void**)>(dlsym(library, ("cuda_cpu_call_" + one.kernel).c_str()));
    if (call == nullptr) {
      std::fprintf(stderr, "there is no kernel %s\n", one.kernel.c_str());
      std::exit(1);
    }
    const std::string wrong = cuda_cpu::run(
        {call, parameters, {one.blocks, 1, 1}, {one.threads, 1, 1}, shared, sharedBytes});
    if (wrong.empty()) continue;
    std::fprintf(stderr, "%s: %s\n", one.kernel.c_str(), wrong.c_str());
    std::exit(1);
  }
}

template <class T>
void check(Case& c, int64_t i, void* library, Counts& counts) {
  Program<T> program = decode<T>(c.code);
  std::vector<std::vector<T>> buffers;
  for (const int64_t size : program.inputSizes) {
    std::vector<T> values(size_t(size), T(0));
    for (T& x : values) x = T(c.real ? realNumber(c.random) : double(between(c.random, -3, 3)));
    buffers.push_back(std::move(values));
  }
  for (const auto& shape : program.outputShapes) {
    int64_t size = 1;
    for (const int64_t d : shape) size *= d;
    buffers.emplace_back(size_t(size), T(-77));
  }
  const size_t inputs = program.inputs;
  if (!c.real && !evaluate<T>(c.code, buffers, inputs, program.arena).known) {
    ++counts.skipped;
    return;
  }
  const int64_t over = chance(c.random, 50) ? inputToOverwrite(program, int64_t(buffers[inputs].size())) : -1;
  const CudaSource source = cudaSource(program, nameOf(i), c.limits);
  auto mine = buffers;
  std::vector<T*> addresses;
  for (auto& b : mine) addresses.push_back(b.data());
  if (over >= 0) addresses[inputs] = addresses[size_t(over)], ++counts.inPlace;
  launch(library, source, addresses);
  if (over >= 0) mine[inputs] = mine[size_t(over)];
  Interpreter<T> interpreter(std::move(program));
  {
    const typename Interpreter<T>::Lease context(interpreter);
    for (size_t b = 0; b < buffers.size(); ++b) context->buffers[b] = buffers[b].data();
    interpreter.run(*context, Parallel());
  }
  ++counts.compared;
  counts.launches += int64_t(source.launches.size());
  for (size_t b = inputs; b < buffers.size(); ++b) {
    for (size_t k = 0; k < buffers[b].size(); ++k) {
      const T got = mine[b][k], want = buffers[b][k];
      if (same(got, want)) continue;
      std::fprintf(stderr, "program %lld, output %zu[%zu] is %.9g, wants %.9g; code:",
                   static_cast<long long>(i), b - inputs, k, double(got), double(want));
      for (const int64_t w : c.code.words) std::fprintf(stderr, " %lld", static_cast<long long>(w));
      std::fprintf(stderr, "\n");
      ++counts.different;
      return;
    }
  }
}

int run(const std::string& folder, int64_t programs, uint64_t seed) {
  Counts counts;
  void* library = nullptr;
  for (int64_t i = 0; i < programs; ++i) {
    if (i % kBatch == 0) {
      const std::string path = folder + "/" + std::to_string(i / kBatch) + ".so";
      library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (library == nullptr) {
        std::fprintf(stderr, "%s\n", dlerror());
        return 1;
      }
    }
    Case c = caseOf(i, seed);
    if (c.isDouble) check<double>(c, i, library, counts);
    else check<float>(c, i, library, counts);
  }
  const auto n = [](int64_t count) { return static_cast<long long>(count); };
  std::printf("%lld programs as CUDA kernels: %lld compared (%lld in place, %lld launches), "
              "%lld without a known result, %lld different\n",
              n(programs), n(counts.compared), n(counts.inPlace), n(counts.launches), n(counts.skipped),
              n(counts.different));
  return counts.different == 0 && counts.compared * 2 > programs ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::string folder = argv[2];
  const int64_t programs = std::atoll(argv[3]);
  const uint64_t seed = std::strtoull(argv[4], nullptr, 10);
  return argv[1] == std::string("write") ? write(folder, programs, seed) : run(folder, programs, seed);
}
