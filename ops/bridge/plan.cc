#include "plan.h"

#include <chrono>
#include <cstring>
#include <utility>

namespace torchopt {
namespace {

constexpr ort::Function<49, ort::Status*(const MemoryInfo*, void* data, size_t bytes,
                                         const int64_t* shape, size_t rank, int elementType,
                                         ort::Value**)>
    CreateTensorWithDataAsOrtValue{};
constexpr ort::Function<96, void(ort::Value*)> ReleaseValue{};
constexpr ort::Function<133, ort::Status*(Session*, const RunOptions*, const IoBinding*)>
    RunWithBinding{};
constexpr ort::Function<134, ort::Status*(Session*, IoBinding**)> CreateIoBinding{};
constexpr ort::Function<135, void(IoBinding*)> ReleaseIoBinding{};
constexpr ort::Function<136, ort::Status*(IoBinding*, const char* name, const ort::Value*)>
    BindInput{};
constexpr ort::Function<137, ort::Status*(IoBinding*, const char* name, const ort::Value*)>
    BindOutput{};

// No address: a slot that was never bound differs from whatever it is given.
constexpr double kUnbound = -1;

// Bytes up to which copying a value is cheaper than a new native tensor.
constexpr size_t kSmall = 4096;

// Changes of an address after which it is taken to go on changing.
constexpr int kMoving = 3;

// Kernels read whole vectors.
constexpr size_t kAlignment = 64;

void* Pointer(double address) {
  return reinterpret_cast<void*>(static_cast<uintptr_t>(address));
}

}  // namespace

Plan::Plan(Session* session, MemoryInfo* memory, const RunOptions* options, const int64_t* words)
    : session_(session),
      memory_(memory),
      options_(options),
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
  }
  given_.assign(count, kUnbound);
  used_.assign(count, kUnbound);
}

Plan::~Plan() {
  for (const Binding& binding : bindings_) {
    if (binding.io) ReleaseIoBinding(binding.io);
  }
}

bool Plan::Follow(const double* slots) {
  // Inputs on a device are bound anew each time.
  bool changed = rebindInputs_;
  for (size_t i = 0; i < slots_.size(); i++) {
    if (slots[i] == given_[i]) continue;
    given_[i] = slots[i];
    if (slots_[i].place) continue;
    changed = true;
    used_[i] = slots[i];
    if (slots_[i].moves < kMoving) slots_[i].moves++;
    // Memory of a device cannot be copied here.
    else if (!rebindInputs_ && slots_[i].bytes <= kSmall) Settle(i);
  }
  return changed;
}

void Plan::Settle(size_t index) {
  Slot& slot = slots_[index];
  size_t room = slot.bytes + kAlignment;
  slot.own.reset(new unsigned char[room]);
  slot.place = slot.own.get();
  std::align(kAlignment, slot.bytes, slot.place, room);
  used_[index] = static_cast<double>(reinterpret_cast<uintptr_t>(slot.place));
  (index < inputs_ ? copiedIn_ : copiedOut_).push_back(index);
}

bool Plan::Differs(const Binding& binding, size_t index) const {
  return used_[index] != binding.addresses[index] || (rebindInputs_ && index < inputs_);
}

Plan::Binding& Plan::Nearest() {
  Binding& other = latest_ == bindings_ ? bindings_[1] : bindings_[0];
  if (!latest_->io || rebindInputs_) return *latest_;
  size_t here = 0, there = 0;
  bool moving = false;
  for (size_t i = 0; i < slots_.size(); i++) {
    const bool differs = Differs(*latest_, i);
    here += differs;
    if (other.io) there += Differs(other, i);
    else moving = moving || (differs && slots_[i].moves >= kMoving);
  }
  return (other.io ? there < here : moving) ? other : *latest_;
}

ort::Status* Plan::BindAll(Binding& binding) {
  if (!binding.io) {
    binding.addresses.assign(slots_.size(), kUnbound);
    if (ort::Status* status = CreateIoBinding(session_, &binding.io)) return status;
  }
  for (size_t i = 0; i < slots_.size(); i++) {
    if (!Differs(binding, i)) continue;
    if (ort::Status* status = Bind(binding, i)) return status;
  }
  return nullptr;
}

ort::Status* Plan::Bind(Binding& binding, size_t index) {
  const Slot& slot = slots_[index];
  if (!(given_[index] > 0)) return NoAddress(index);
  ort::Value* value = nullptr;
  void* data = Pointer(used_[index]);
  if (ort::Status* status = CreateTensorWithDataAsOrtValue(memory_, data, slot.bytes,
                                                           slot.shape.data(), slot.shape.size(),
                                                           slot.elementType, &value)) {
    return status;
  }
  const char* name = slot.name.c_str();
  ort::Status* status = index < inputs_ ? BindInput(binding.io, name, value)
                                        : BindOutput(binding.io, name, value);
  // The binding holds a reference of its own.
  ReleaseValue(value);
  if (!status) binding.addresses[index] = used_[index];
  return status;
}

ort::Status* Plan::NoAddress(size_t index) const {
  const std::string message = "the slot of \"" + slots_[index].name +
                              "\" holds no address; write the address of its storage into "
                              "session.slots first";
  return ort::CreateStatus(ort::kInvalidArgument, message.c_str());
}

ort::Status* Plan::Run(double* slots) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  if (Follow(slots)) {
    latest_ = &Nearest();
    bound_ = false;
  }
  // A run that failed while it was binding goes on from there.
  if (!bound_) {
    if (ort::Status* status = BindAll(*latest_)) return status;
    bound_ = true;
  }
  for (const size_t i : copiedOut_) {
    if (!(given_[i] > 0)) return NoAddress(i);
  }
  for (const size_t i : copiedIn_) {
    if (!(given_[i] > 0)) return NoAddress(i);
    std::memcpy(slots_[i].place, Pointer(given_[i]), slots_[i].bytes);
  }
  if (ort::Status* status = RunWithBinding(session_, options_, latest_->io)) return status;
  for (const size_t i : copiedOut_) {
    std::memcpy(Pointer(given_[i]), slots_[i].place, slots_[i].bytes);
  }
  const std::chrono::duration<double, std::milli> time = Clock::now() - start;
  slots[slots_.size()] = time.count();
  return nullptr;
}

}  // namespace torchopt
