#include "plan.h"

#include <utility>

namespace torchopt {
namespace {

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

}  // namespace

Plan::Plan(Session* session, MemoryInfo* memory, const int64_t* words)
    : session_(session),
      memory_(memory),
      inputs_(static_cast<size_t>(words[0])),
      rebindInputs_(words[2] != 0) {
  const size_t count = static_cast<size_t>(words[0] + words[1]);
  words += 3;
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
    const bool keep = !rebindInputs_ || i >= inputs_;
    if (keep && slots[i] == addresses_[i]) continue;
    if (ort::Status* status = Bind(i, slots[i])) return status;
  }
  return RunWithBinding(session_, nullptr, binding_);
}

}  // namespace torchopt
