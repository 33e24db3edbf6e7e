#include "module.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "background.h"
#include "sha256.h"

namespace torchopt::cuda {

namespace {

std::string joined(const std::vector<const char*>& parts) {
  std::string text = kPrelude;
  for (const char* part : parts) text += part;
  return text;
}

// CUDA's limit of blocks in the first dimension.
constexpr size_t kMaxBlocks = 0x7fffffff;
// Blocks for each processor of the GPU, where threads go on to further work.
constexpr size_t kBlocksEach = 16;

std::vector<BuiltinModule*>& registry() {
  static auto& list = *new std::vector<BuiltinModule*>;
  return list;
}

}  // namespace

Module::Module(std::string name, const std::vector<const char*>& parts, bool exact)
    : name_(std::move(name)), source_(joined(parts)) {
  if (exact) options_.push_back("--fmad=false");
}

Module::~Module() = default;

std::shared_ptr<Build> Module::build(int architecture) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& found = builds_[architecture];
  if (found == nullptr) found = beginBuild(name_, source_, architecture, options_);
  return found;
}

void Module::prepare(int architecture) { build(architecture); }

void Module::prepare() { prepare(deviceInfo(currentDevice()).architecture); }

void Module::wait(int architecture) { build(architecture)->wait(); }

State Module::state(int architecture) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = builds_.find(architecture);
  return found == builds_.end() ? State::compiling : found->second->state();
}

std::string Module::error(int architecture) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = builds_.find(architecture);
  return found == builds_.end() ? "" : found->second->error();
}

Function Module::function(Context context, const char* kernel) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = functions_.find({context, kernel});
    if (found != functions_.end()) return found->second;
  }
  const std::string image = build(deviceInfo(currentDevice()).architecture)->wait();
  const std::lock_guard<std::mutex> lock(mutex_);
  ModuleHandle& handle = loaded_[context];
  if (handle == nullptr)
    check(driver().ModuleLoadData(&handle, image.c_str()), ("loading the kernel " + name_).c_str());
  Function made = nullptr;
  check(driver().ModuleGetFunction(&made, handle, kernel),
        ("finding the kernel " + std::string(kernel)).c_str());
  functions_[{context, kernel}] = made;
  return made;
}

void Module::launchWith(Stream stream, const char* kernel, size_t blocks, unsigned threads,
                        void* const* parameters) {
  if (blocks == 0) return;
  if (blocks > kMaxBlocks) throw std::length_error("CUDA kernel " + name_ + ": too much for one run");
  const ContextScope scope(stream);
  check(driver().LaunchKernel(function(scope.context(), kernel), unsigned(blocks), 1, 1, threads, 1,
                              1, 0, stream, const_cast<void**>(parameters), nullptr),
        ("running the kernel " + std::string(kernel)).c_str());
}

std::shared_ptr<Module> sharedModule(const std::string& name, const std::string& text, bool exact) {
  static std::mutex& mutex = *new std::mutex;
  static auto& known = *new std::map<std::string, std::weak_ptr<Module>>;
  const std::string key = sha256Text(text + (exact ? "exact" : ""));
  const std::lock_guard<std::mutex> lock(mutex);
  for (auto i = known.begin(); i != known.end();) i = i->second.expired() ? known.erase(i) : std::next(i);
  auto found = known[key].lock();
  if (found == nullptr) {
    found = std::make_shared<Module>(name, std::vector<const char*>{text.c_str()}, exact);
    known[key] = found;
  }
  return found;
}

std::vector<BuiltinModule*> builtinModules() {
  std::vector<BuiltinModule*> list = registry();
  std::sort(list.begin(), list.end(), [](auto* a, auto* b) { return a->name() < b->name(); });
  return list;
}

BuiltinModule::BuiltinModule(std::string name, const std::vector<const char*>& parts, bool exact,
                             bool isRare)
    : Module(std::move(name), parts, exact), rare(isRare) {
  registry().push_back(this);
}

size_t blocksFor(size_t work, unsigned threads) {
  const size_t all = (work + threads - 1) / threads;
  return std::min(all, kBlocksEach * size_t(deviceInfo(currentDevice()).processors));
}

}  // namespace torchopt::cuda
