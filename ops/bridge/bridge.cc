// The exported functions: thin wrappers, so that JavaScript makes one fast call for a whole run
// instead of one slow call through a function pointer for each step of it.

#include <string>
#include <utility>
#include <vector>

#include "../ort_abi.h"

#define TORCHOPT_EXPORT extern "C" __attribute__((visibility("default")))

namespace torchopt {
namespace {

struct IoBinding;
struct MemoryInfo;
struct Session;

constexpr ort::Function<49, ort::Status*(const MemoryInfo*, void* data, size_t bytes,
                                         const int64_t* shape, size_t rank, int elementType,
                                         ort::Value**)>
    CreateTensorWithDataAsOrtValue{};
constexpr ort::Function<96, void(ort::Value*)> ReleaseValue{};
constexpr ort::Function<133, ort::Status*(Session*, const void* options, const IoBinding*)>
    RunWithBinding{};
constexpr ort::Function<134, ort::Status*(Session*, IoBinding**)> CreateIoBinding{};
constexpr ort::Function<135, void(IoBinding*)> ReleaseIoBinding{};
constexpr ort::Function<136, ort::Status*(IoBinding*, const char* name, const ort::Value*)>
    BindInput{};
constexpr ort::Function<137, ort::Status*(IoBinding*, const char* name, const ort::Value*)>
    BindOutput{};

// No address: a slot that was never bound differs from whatever it is given.
constexpr double kUnbound = -1;

// What one run at a time of a session needs: a binding of native tensors over the memory that the
// slots point to. A tensor is made anew only when the address in its slot has changed.
class Plan {
 public:
  // `words` describes the values: input count, output count, then for each input and output its
  // element type, byte count, rank, extents, length of the name in words, and the name, NUL-padded.
  Plan(Session* session, MemoryInfo* memory, const int64_t* words);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  // `slots`: address of each input, then of each output. Returns null on success.
  ort::Status* Run(const double* slots);

 private:
  struct Slot {
    int elementType;
    size_t bytes;
    std::vector<int64_t> shape;
    std::string name;
  };

  ort::Status* Bind(size_t index, double address);

  Session* session_;
  MemoryInfo* memory_;
  size_t inputs_;
  std::vector<Slot> slots_;
  std::vector<double> addresses_;
  IoBinding* binding_ = nullptr;
};

Plan::Plan(Session* session, MemoryInfo* memory, const int64_t* words)
    : session_(session), memory_(memory), inputs_(static_cast<size_t>(words[0])) {
  const size_t count = static_cast<size_t>(words[0] + words[1]);
  words += 2;
  slots_.reserve(count);
  for (size_t i = 0; i < count; i++) {
    Slot slot;
    slot.elementType = static_cast<int>(words[0]);
    slot.bytes = static_cast<size_t>(words[1]);
    const int64_t rank = words[2];
    words += 3;
    slot.shape.assign(words, words + rank);
    words += rank;
    const int64_t nameWords = words[0];
    slot.name = reinterpret_cast<const char*>(words + 1);
    words += 1 + nameWords;
    slots_.push_back(std::move(slot));
    addresses_.push_back(kUnbound);
  }
}

Plan::~Plan() {
  if (binding_) ReleaseIoBinding(binding_);
}

ort::Status* Plan::Bind(size_t index, double address) {
  const Slot& slot = slots_[index];
  if (!(address > 0)) {
    const std::string message = "the slot of \"" + slot.name +
                                "\" holds no address; write the address of its storage into "
                                "session.slots first";
    return ort::CreateStatus(ort::kInvalidArgument, message.c_str());
  }
  ort::Value* value = nullptr;
  void* data = reinterpret_cast<void*>(static_cast<uintptr_t>(address));
  if (ort::Status* status = CreateTensorWithDataAsOrtValue(memory_, data, slot.bytes,
                                                           slot.shape.data(), slot.shape.size(),
                                                           slot.elementType, &value)) {
    return status;
  }
  const char* name = slot.name.c_str();
  ort::Status* status = index < inputs_ ? BindInput(binding_, name, value)
                                        : BindOutput(binding_, name, value);
  // The binding holds a reference of its own.
  ReleaseValue(value);
  if (!status) addresses_[index] = address;
  return status;
}

ort::Status* Plan::Run(const double* slots) {
  if (!binding_) {
    if (ort::Status* status = CreateIoBinding(session_, &binding_)) return status;
  }
  const size_t count = slots_.size();
  for (size_t i = 0; i < count; i++) {
    if (slots[i] == addresses_[i]) continue;
    if (ort::Status* status = Bind(i, slots[i])) return status;
  }
  return RunWithBinding(session_, nullptr, binding_);
}

}  // namespace
}  // namespace torchopt

// Changes with any change of an exported function; ops_library.ts asks for the same number.
TORCHOPT_EXPORT int32_t torchopt_abi_version() { return 1; }

// Returns 1, or 0 where the library is older than the API this was written for.
TORCHOPT_EXPORT int32_t torchopt_init(const torchopt::ort::ApiBase* base) {
  torchopt_api = base->GetApi(torchopt::ort::kApiVersion);
  return torchopt_api ? 1 : 0;
}

// A double holds every address of user space exactly, and is what JavaScript computes with.
TORCHOPT_EXPORT double torchopt_address(const void* buffer) {
  return static_cast<double>(reinterpret_cast<uintptr_t>(buffer));
}

TORCHOPT_EXPORT torchopt::Plan* torchopt_plan_create(torchopt::Session* session,
                                                     torchopt::MemoryInfo* memory,
                                                     const int64_t* words) {
  return new torchopt::Plan(session, memory, words);
}

TORCHOPT_EXPORT torchopt::ort::Status* torchopt_plan_run(torchopt::Plan* plan,
                                                         const double* slots) {
  return plan->Run(slots);
}

TORCHOPT_EXPORT void torchopt_plan_release(torchopt::Plan* plan) { delete plan; }
