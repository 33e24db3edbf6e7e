// Generated CUDA kernels of random programs on the CPU (ops/cuda/testing), compared with the interpreter:
// fuzz_cuda LIBRARY FOLDER PROGRAMS SEED [FLAGS]. The kernels of many programs are one file in FOLDER,
// which $CXX compiles with FLAGS. The first programs are each operation by itself, then those of
// step_cases.h. With FLAGS "--texts" the kernels are only written, as text for NVIDIA's compiler.

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <sstream>

#include "../../ops/cuda/testing/fibers.h"
#include "step_cases.h"

namespace {

// Programs of one file.
constexpr int64_t kBatch = 50;
// Elements on which each operation is tried.
constexpr int64_t kElements = 20000;
// Elements around each buffer, which nothing may write, and NaN, so that what is read there shows; a
// sanitizer looks itself.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kGuard = 0;
#else
constexpr size_t kGuard = 64;
#endif
inline float untouched(float) {
  const uint32_t bits = 0x7fc5a5a5;
  float x;
  return std::memcpy(&x, &bits, sizeof x), x;
}
inline double untouched(double) {
  const uint64_t bits = 0x7ff85a5a5a5a5a5aull;
  double x;
  return std::memcpy(&x, &bits, sizeof x), x;
}

struct Library {
  int32_t (*run)(int32_t onGpu, int32_t isF64, const char* name, const int64_t* numbers,
                 const double* addresses);
  const char* (*text)(int32_t isF64, const int64_t* code, size_t codeLength, const int64_t* consts,
                      size_t constCount, const int64_t* layout, size_t layoutLength, const char* name,
                      const int64_t* limits);
  const char* (*lastError)();
};
Library library;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

struct Launch {
  std::string kernel;
  unsigned blocks, threads;
  bool memory;
  std::vector<size_t> buffers;
};

// A program or a loop, its kernels and how they are launched.
struct Case {
  Random random;
  Code code;
  Words constants, layout;
  bool real, isDouble;
  bool signs;  // whether zeros have the signs that the interpreter's have
  const StepCase* step;
  size_t memory;
  int64_t start, limit;  // of a loop
  std::vector<int64_t> inputSizes, outputSizes;
  std::vector<Launch> launches;
  std::string common, own;
};

bool onlyTexts = false;

// Threads are the same in a file: it has one copy of what all texts begin with. On a GPU there are 256.
unsigned threadsOf(int64_t i) {
  if (onlyTexts) return 256;
  const unsigned choices[] = {64, 16, 64, 256};
  return choices[i / kBatch % 4];
}

// Small limits, so that small programs take all ways. In the order of CudaLimits.
std::vector<int64_t> limitsOf(Random& random, unsigned threads) {
  const int64_t blocks = between(random, 1, 5), share = between(random, 8, 200),
                groups = chance(random, 70) ? between(random, 1, 9) : between(random, 40, 100),
                dot = chance(random, 50) ? between(random, 1, 9) : 1000,
                transpose = chance(random, 60) ? 1 : 1000, tiles = chance(random, 50) ? 1 : 64,
                small = chance(random, 50) ? 0 : between(random, 1, 5000),
                chain = between(random, 1, 20000), steps = between(random, 1, 6);
  return {threads, blocks, share, groups, dot, transpose, tiles, small, chain, steps};
}

// Limits with which a single step takes the longest way.
std::vector<int64_t> limitsOf(Random& random, unsigned threads, const StepCase& step) {
  return {threads, between(random, 1, 5), 8, 100, step.dot, 1, 1, 0, 1, 1};
}

Case caseOf(int64_t i, uint64_t seed) {
  Case c{};
  c.random.seed(seed * 0x9e3779b97f4a7c15ull + uint64_t(i));
  const int64_t singles = 2 * int64_t(kOperationCount), stepAt = i - singles;
  const bool single = i < singles;
  if (!single && stepAt < int64_t(stepCases().size())) c.step = &stepCases()[size_t(stepAt)];
  const bool loop = !single && c.step == nullptr && i % 10 == 9;
  c.real = single || (!loop && c.step == nullptr && chance(c.random, 40));
  c.signs = single;
  c.isDouble = single ? i % 2 == 1 : chance(c.random, 40);
  if (loop) {
    const LoopCode made = randomLoop(c.random);
    c.code = made.code, c.layout = made.layout;
    c.start = made.start, c.limit = made.limit;
    c.inputSizes = made.inputSizes, c.outputSizes = made.outputSizes;
  } else {
    c.code = single    ? oneOperation(kOperations[i / 2], kElements)
             : c.step ? c.step->code
                      : ProgramWriter(c.random, {false, c.real}).write();
    c.outputSizes = {1};
    for (int64_t d = 0; d < c.code.words[4]; ++d) c.outputSizes[0] *= c.code.words[size_t(5 + d)];
  }
  c.constants.resize(c.code.constants.size());
  if (!c.constants.empty())
    std::memcpy(c.constants.data(), c.code.constants.data(), c.constants.size() * sizeof(double));
  const std::vector<int64_t> limits = c.step != nullptr ? limitsOf(c.random, threadsOf(i), *c.step)
                                                        : limitsOf(c.random, threadsOf(i));
  const char* text = library.text(
      c.isDouble, c.code.words.data(), c.code.words.size(), c.constants.data(), c.constants.size(),
      c.layout.data(), c.layout.size(), ("p" + std::to_string(i)).c_str(), limits.data());
  if (text == nullptr) fail(library.lastError());
  std::istringstream in(text);
  size_t inputs = 0, launches = 0, bytes = 0;
  in >> c.memory >> inputs;
  for (size_t k = 0; k < inputs; ++k) {
    int64_t size = 0;
    in >> size;
    if (!loop) c.inputSizes.push_back(size);
  }
  in >> launches;
  c.launches.resize(launches);
  for (Launch& launch : c.launches) {
    size_t buffers = 0;
    in >> launch.kernel >> launch.blocks >> launch.threads >> launch.memory >> buffers;
    launch.buffers.resize(buffers);
    for (auto& b : launch.buffers) in >> b;
  }
  in >> bytes;
  const std::string texts = std::string(text).substr(size_t(in.tellg()) + 1);
  c.common = texts.substr(0, bytes);
  c.own = texts.substr(bytes);
  return c;
}

std::string fileOf(const std::string& folder, int64_t batch) { return folder + "/" + std::to_string(batch); }

// The kernels of each case, in a namespace of its own; `more` says what follows them.
template <class More>
std::string textsOf(const std::vector<Case>& cases, const More& more) {
  std::string text = cases.at(0).common;
  for (size_t i = 0; i < cases.size(); ++i)
    text += "namespace program" + std::to_string(i) + " {\n" + cases[i].own + more(cases[i]) + "}\n";
  return text;
}

std::vector<Case> casesOf(int64_t batch, int64_t programs, uint64_t seed) {
  std::vector<Case> cases;
  for (int64_t i = batch * kBatch; i < std::min((batch + 1) * kBatch, programs); ++i)
    cases.push_back(caseOf(i, seed));
  return cases;
}

// Writes and compiles the kernels of a batch.
void build(const std::string& folder, const std::vector<Case>& cases, int64_t batch,
           const std::string& flags) {
  const std::string path = fileOf(folder, batch);
  {
    std::ofstream file(path + ".cc");
    file << "#include \"cuda_cpu.h\"\n" << textsOf(cases, [](const Case& c) {
      std::string exports;
      for (const Launch& launch : c.launches) exports += "CUDA_CPU_EXPORT(" + launch.kernel + ")\n";
      return exports;
    });
    file << "extern \"C\" __attribute__((weak, visibility(\"hidden\"))) char __start_cuda_shared, "
            "__stop_cuda_shared;\nextern \"C\" void cuda_cpu_shared(char** begin, size_t* bytes) {\n"
            "  *begin = &__start_cuda_shared;\n"
            "  *bytes = size_t(&__stop_cuda_shared - &__start_cuda_shared);\n}\n";
  }
  std::string headers = __FILE__;
  headers.resize(headers.rfind('/'));
  const char* const compiler = std::getenv("CXX") != nullptr ? std::getenv("CXX") : "c++";
  // Without optimisation: that compiles fast, and folds no constants. Sanitizers name lines.
  const std::string command = std::string(compiler) + " -std=c++17 -O0 -ffp-contract=off " +
                              (flags.empty() ? "" : "-g1 ") + flags +
                              " -shared -fPIC -I'" + headers + "/../../ops/cuda/testing' '" + path +
                              ".cc' -o '" + path + ".so'";
  if (std::system(command.c_str()) != 0) fail("a kernel does not compile: " + command);
}

struct Counts {
  int64_t compared = 0, loops = 0, inPlace = 0, launches = 0, skipped = 0, different = 0;
};

template <class T>
bool same(T a, T b, bool signs) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b)) ||
         (a == 0 && b == 0 && !signs);
}

// Memory between two guards.
template <class T>
struct Guarded {
  std::vector<T> all;
  explicit Guarded(const std::vector<T>& values) : all(values.size() + 2 * kGuard, untouched(T())) {
    std::copy(values.begin(), values.end(), data());
  }
  T* data() { return all.data() + kGuard; }
  std::vector<T> values() { return {data(), data() + all.size() - 2 * kGuard}; }
  bool whole() const {
    const std::vector<T> guard(kGuard, untouched(T()));
    const size_t bytes = kGuard * sizeof(T);
    return bytes == 0 || (std::memcmp(all.data(), guard.data(), bytes) == 0 &&
                          std::memcmp(all.data() + all.size() - kGuard, guard.data(), bytes) == 0);
  }
};

// Runs the kernels on plain memory. Returns what went wrong.
template <class T>
std::string launch(void* kernels, const Case& c, const std::vector<T*>& buffers) {
  char* shared = nullptr;
  size_t sharedBytes = 0;
  reinterpret_cast<void (*)(char**, size_t*)>(dlsym(kernels, "cuda_cpu_shared"))(&shared, &sharedBytes);
  Guarded<T> memory(std::vector<T>(c.memory, T(NAN)));
  for (const Launch& one : c.launches) {
    std::vector<T*> pointers;
    for (const size_t b : one.buffers) pointers.push_back(buffers[b]);
    if (one.memory) pointers.push_back(memory.data());
    void* parameters[] = {pointers.data()};
    const auto call =
        reinterpret_cast<void (*)(void**)>(dlsym(kernels, ("cuda_cpu_call_" + one.kernel).c_str()));
    if (call == nullptr) fail("there is no kernel " + one.kernel);
    const std::string wrong = cuda_cpu::run(
        {call, parameters, {one.blocks, 1, 1}, {one.threads, 1, 1}, shared, sharedBytes});
    if (!wrong.empty()) return one.kernel + ": " + wrong;
    if (!memory.whole()) return one.kernel + " writes outside of the working memory";
  }
  return "";
}

template <class T>
std::string check(Case& c, void* kernels, Counts& counts) {
  std::vector<std::vector<T>> buffers;
  for (const int64_t size : c.inputSizes) {
    std::vector<T> values(size_t(size), T(0));
    for (T& x : values)
      x = T(c.real   ? realNumber(c.random)
            : c.step ? stepNumber(c.random, c.step->numbers, c.step->rare)
                     : double(between(c.random, -3, 3)));
    buffers.push_back(std::move(values));
  }
  const size_t inputs = buffers.size();
  for (const int64_t size : c.outputSizes) buffers.emplace_back(size_t(size), T(-77));
  const Words& words = c.code.words;
  int64_t over = -1;
  if (!c.layout.empty()) {
    // Whole numbers are two: a multiple of 2^20, and the rest.
    buffers[4] = {T(0), T(c.start)};
    buffers[5] = {T(0), T(c.limit)};
    if (inputs > 6) buffers[6] = {T(chance(c.random, 80))};
  } else {
    const int64_t arena = words[size_t(5 + words[4] + words[3])];
    if (!c.real && c.step == nullptr && !evaluate<T>(c.code, buffers, inputs, arena).known) {
      ++counts.skipped;
      return "";
    }
    over = chance(c.random, 50) ? inputToOverwrite(c.code, c.inputSizes, c.outputSizes[0]) : -1;
  }
  std::vector<Guarded<T>> guarded(buffers.begin(), buffers.end());
  std::vector<T*> addresses;
  for (auto& b : guarded) addresses.push_back(b.data());
  if (over >= 0) addresses[inputs] = addresses[size_t(over)], ++counts.inPlace;
  const std::string wrong = launch(kernels, c, addresses);
  if (!wrong.empty()) return wrong;
  std::vector<std::vector<T>> mine;
  for (size_t b = 0; b < guarded.size(); ++b) {
    if (!guarded[b].whole()) return "writes outside of buffer " + std::to_string(b);
    mine.push_back(guarded[b].values());
    if (b < inputs && int64_t(b) != over && !buffers[b].empty() &&
        std::memcmp(mine[b].data(), buffers[b].data(), mine[b].size() * sizeof(T)) != 0)
      return "writes input " + std::to_string(b);
  }
  if (over >= 0) mine[inputs] = mine[size_t(over)];
  std::vector<double> places;
  for (auto& b : buffers) places.push_back(double(reinterpret_cast<uintptr_t>(b.data())));
  Words numbers = {int64_t(words.size()), int64_t(c.constants.size()), int64_t(c.layout.size())};
  for (const Words& list : {words, c.constants, c.layout})
    numbers.insert(numbers.end(), list.begin(), list.end());
  if (library.run(0, c.isDouble, "Program", numbers.data(), places.data()) != 0) fail(library.lastError());
  ++counts.compared;
  if (!c.layout.empty()) ++counts.loops;
  counts.launches += int64_t(c.launches.size());
  for (size_t b = inputs; b < mine.size(); ++b) {
    for (size_t k = 0; k < mine[b].size(); ++k) {
      const T got = mine[b][k], want = buffers[b][k];
      if (same(got, want, c.signs)) continue;
      char text[100];
      std::snprintf(text, sizeof text, "output %zu[%zu] is %.9g, wants %.9g", b - inputs, k, double(got),
                    double(want));
      return text;
    }
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  void* const ops = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (ops == nullptr) fail(dlerror());
  library.run = reinterpret_cast<decltype(library.run)>(dlsym(ops, "torchopt_exec"));
  library.text = reinterpret_cast<decltype(library.text)>(dlsym(ops, "torchopt_cuda_program_text"));
  library.lastError = reinterpret_cast<decltype(library.lastError)>(dlsym(ops, "torchopt_last_error"));
  const std::string folder = argv[2], flags = argc > 5 ? argv[5] : "";
  const int64_t programs = std::atoll(argv[3]);
  const uint64_t seed = std::strtoull(argv[4], nullptr, 10);
  if ((onlyTexts = flags == "--texts")) {
    for (int64_t batch = 0; batch * kBatch < programs; ++batch)
      std::ofstream(fileOf(folder, batch) + ".cu")
          << textsOf(casesOf(batch, programs, seed), [](const Case&) { return ""; });
    return 0;
  }
  Counts counts;
  using Made = std::future<std::vector<Case>>;
  const auto make = [&](int64_t batch) {
    return std::async(std::launch::async, [=] {
      std::vector<Case> cases = casesOf(batch, programs, seed);
      if (!cases.empty()) build(folder, cases, batch, flags);
      return cases;
    });
  };
  // Two files are compiled ahead.
  Made next[2] = {make(0), make(1)};
  for (int64_t batch = 0; batch * kBatch < programs; ++batch) {
    std::vector<Case> cases = next[batch % 2].get();
    next[batch % 2] = make(batch + 2);
    const std::string path = fileOf(folder, batch);
    void* const kernels = dlopen((path + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (kernels == nullptr) fail(dlerror());
    for (size_t k = 0; k < cases.size(); ++k) {
      const std::string wrong =
          cases[k].isDouble ? check<double>(cases[k], kernels, counts) : check<float>(cases[k], kernels, counts);
      if (wrong.empty()) continue;
      ++counts.different;
      std::fprintf(stderr, "program %lld: %s; code:", static_cast<long long>(batch * kBatch + int64_t(k)),
                   wrong.c_str());
      for (const int64_t w : cases[k].code.words) std::fprintf(stderr, " %lld", static_cast<long long>(w));
      std::fprintf(stderr, "\n");
    }
    for (const char* end : {".cc", ".so"}) unlink((path + end).c_str());
  }
  for (Made& rest : next) rest.wait();
  const auto n = [](int64_t count) { return static_cast<long long>(count); };
  std::printf("%lld programs as CUDA kernels: %lld compared (%lld loops, %lld in place, %lld launches), "
              "%lld without a known result, %lld different\n",
              n(programs), n(counts.compared), n(counts.loops), n(counts.inPlace), n(counts.launches), n(counts.skipped),
              n(counts.different));
  return counts.different == 0 && counts.compared * 2 > programs ? 0 : 1;
}
