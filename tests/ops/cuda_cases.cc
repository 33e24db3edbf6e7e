// Random cases through the CUDA kernels of the ops library on a fake GPU, compared with its CPU kernels:
// cuda_cases LIBRARY FAKE_CUDA CACHE SEED COUNT [FAMILY...]. Prints a line for each family.
// CUDA_CASES_NVRTC names another run-time compiler than the fake one.

#include <dlfcn.h>

#include <algorithm>

#include "cuda_cases.h"

namespace {

std::string compare(const Case& c, Block& got, Block& wanted, const Output& output) {
  const size_t n = got.bytes / (output.type == 'i' ? 8 : c.width());
  const auto at = [&](Block& block, size_t i) -> double {
    if (output.type == 'i') return double(block.as<int64_t>()[i]);
    return c.isF64 ? block.as<double>()[i] : double(block.as<float>()[i]);
  };
  double scale = 1;  // that of the numbers which go in
  for (size_t i = 0; i < n; ++i) {
    const double x = std::fabs(at(wanted, i));
    if (x < INFINITY) scale = std::max(scale, x);
  }
  for (size_t i = 0; i < n; ++i) {
    const double x = at(got, i), y = at(wanted, i);
    if (output.tolerance == 0 && output.type != 'i') {
      const bool signs = std::signbit(x) == std::signbit(y) || x != x;
      if ((x == y && signs) || (x != x && y != y)) continue;
    }
    const double difference = std::fabs(x - y);
    if (x == y || (x != x && y != y) || difference <= output.tolerance * scale) continue;
    return "output " + std::to_string(output.index) + " has " + std::to_string(x) + " at " +
           std::to_string(i) + ", the CPU " + std::to_string(y);
  }
  return "";
}

std::vector<double> addressesOf(const Case& c, std::vector<Block>& blocks) {
  std::vector<double> addresses;
  for (Block& block : blocks) addresses.push_back(double(reinterpret_cast<uintptr_t>(block.memory.get())));
  for (const auto& [address, block] : c.inPlace) addresses[address] = addresses[block];
  return addresses;
}

std::string runCase(Exec exec, const char* (*lastError)(), Case c) {
  std::vector<Block> copies;
  for (Block& block : c.blocks) {
    copies.emplace_back(block.bytes);
    std::memcpy(copies.back().memory.get(), block.memory.get(), block.bytes);
  }
  const std::vector<double> cpu = addressesOf(c, c.blocks), gpu = addressesOf(c, copies);
  for (const int onGpu : {0, 1}) {
    const auto& addresses = onGpu != 0 ? gpu : cpu;
    if (exec(onGpu, c.isF64, c.name.c_str(), c.numbers.data(), addresses.data()) != 0)
      return std::string(onGpu != 0 ? "GPU: " : "CPU: ") + lastError();
  }
  for (const Output& output : c.outputs) {
    size_t block = output.index;
    for (const auto& [address, other] : c.inPlace)
      if (address == output.index) block = other;
    const std::string wrong = compare(c, copies[block], c.blocks[block], output);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) return 2;
  void* const library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::fprintf(stderr, "%s\n", dlerror()), 2;
  const auto find = [&](const char* name) { return dlsym(library, name); };
  const auto exec = reinterpret_cast<Exec>(find("torchopt_exec"));
  const auto lastError = reinterpret_cast<const char* (*)()>(find("torchopt_last_error"));
  const char* const nvrtc = std::getenv("CUDA_CASES_NVRTC");
  using Setup = void (*)(const char*, const char*, const char*, const char*);
  reinterpret_cast<Setup>(find("torchopt_cuda_setup"))(
      argv[2], nvrtc != nullptr ? nvrtc : argv[2], argv[2], argv[3]);
  const uint64_t seed = std::strtoull(argv[4], nullptr, 10);
  const int count = std::atoi(argv[5]);
  int failures = 0;
  for (const Family& family : families()) {
    const bool wanted = argc == 6 || std::any_of(argv + 6, argv + argc, [&](const char* name) {
      return std::strcmp(name, family.name) == 0;
    });
    if (!wanted) continue;
    Random random(seed);
    std::string wrong;
    int done = 0;
    for (; done < count && wrong.empty(); ++done) {
      Case c = family.make(random);
      const std::string text = c.text();
      wrong = runCase(exec, lastError, std::move(c));
      if (!wrong.empty()) wrong = text + ": " + wrong;
    }
    std::printf("%s %s %s\n", wrong.empty() ? "ok" : "FAILED", family.name,
                wrong.empty() ? (std::to_string(done) + " cases").c_str() : wrong.c_str());
    std::fflush(stdout);
    failures += wrong.empty() ? 0 : 1;
  }
  return failures == 0 ? 0 : 1;
}
