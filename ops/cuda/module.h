// Kernels from source: compiled once in the background, kept on disk, loaded where they run.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "driver.h"

namespace torchopt::cuda {

// The whole numbers of kernels, as the prelude names them.
using u32 = unsigned int;
using u64 = unsigned long long;
using i64 = long long;

// Declarations that host and device share, once as C++ and once as text.
#define TORCHOPT_CUDA_SHARED(text, ...) \
  __VA_ARGS__                           \
  inline constexpr char text[] = #__VA_ARGS__ "\n";

// What the text of a kernel (`ops/<op>/cuda/*.cuh`) may use: u32, u64, i64, Pack, blockSum, ...
extern const char kPrelude[];

enum class State { compiling, ready, failed };

// A source on its way to machine code for one architecture.
class Build;

class Module {
 public:
  // `name` stands in messages. `parts` are put behind the prelude. Where `exact`, products and sums are
  // rounded one by one, as on the CPU; otherwise they may become one operation.
  Module(std::string name, const std::vector<const char*>& parts, bool exact = false);
  ~Module();

  // Begins to compile for an architecture in the background, unless that was begun.
  void prepare(int architecture);
  // The same for the GPU of this thread's context.
  void prepare();
  // Waits until it is compiled for an architecture. Throws std::runtime_error where that fails.
  void wait(int architecture);
  // How far it is for an architecture. Does not wait, and begins nothing: what nobody has prepared is
  // said to be compiling.
  State state(int architecture);
  // What went wrong, where it failed.
  std::string error(int architecture);
  // Text that the compiler gets, for tests and tools.
  const std::string& source() const { return source_; }
  const std::string& name() const { return name_; }
  const std::vector<std::string>& options() const { return options_; }

  // Runs a kernel on `blocks` blocks of `threads` threads. Its parameter is one struct, a copy of
  // `argument`. Waits where it is not compiled yet. Nothing runs where blocks is 0. Throws
  // std::runtime_error.
  template <class Argument>
  void launch(Stream stream, const char* kernel, size_t blocks, unsigned threads,
              const Argument& argument) {
    Argument copy = argument;
    void* const parameters[] = {&copy};
    launchWith(stream, kernel, blocks, threads, parameters);
  }
  // The same with any parameters: the address of each.
  void launchWith(Stream stream, const char* kernel, size_t blocks, unsigned threads,
                  void* const* parameters);

 private:
  std::shared_ptr<Build> build(int architecture);
  Function function(Context context, const char* kernel);

  const std::string name_, source_;
  std::vector<std::string> options_;
  std::mutex mutex_;
  std::map<int, std::shared_ptr<Build>> builds_;
  std::map<Context, ModuleHandle> loaded_;
  std::map<std::pair<Context, std::string>, Function> functions_;
};

// A module whose text is made at run time; equal texts share one while somebody holds it.
std::shared_ptr<Module> sharedModule(const std::string& name, const std::string& text, bool exact);

// A module that is part of the library.
class BuiltinModule : public Module {
 public:
  // A `rare` one is compiled when it is first used, and others as soon as the GPU is.
  BuiltinModule(std::string name, const std::vector<const char*>& parts, bool exact = false,
                bool rare = false);
  const bool rare;
};

// All of them, in the order of their names.
std::vector<BuiltinModule*> builtinModules();

// Blocks for `work` threads in blocks of `threads`, where each thread goes on by the size of the grid:
// enough to fill the GPU of the context, and not many more.
size_t blocksFor(size_t work, unsigned threads);

}  // namespace torchopt::cuda
