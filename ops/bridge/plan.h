#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../common/ort_abi.h"

namespace torchopt {

struct IoBinding;
struct MemoryInfo;
struct RunOptions;
struct Session;

// What one run at a time of a session needs: native tensors over the memory that the slots point to,
// bound to the names of the graph. Making and binding one takes 0.4 us, so that it is done only where
// an address has changed, and seldom there: parameters of training steps alternate between two places,
// and there are two bindings; small values that keep moving are copied to and from a fixed place.
class Plan {
 public:
  // `words` describes the values: input count, output count, 1 where every run has to bind the inputs
  // anew, then for each input and output its element type, byte count, rank, extents, length of the
  // name in words, and the name, NUL-padded.
  // `options` of each run may be null.
  Plan(Session* session, MemoryInfo* memory, const RunOptions* options, const int64_t* words);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  // `slots`: address of each input, then of each output, and a place for the milliseconds that a run
  // took which succeeds. Returns null on success.
  ort::Status* Run(double* slots);

 private:
  struct Slot {
    int elementType;
    size_t bytes;
    std::vector<int64_t> shape;
    std::string name;
    // Number of times the address has changed, up to the number at which it counts as moving.
    int moves = 0;
    // Memory that is bound in place of the caller's.
    std::unique_ptr<unsigned char[]> own;
    void* place = nullptr;
  };

  // Native tensors, and the address that each was made for.
  struct Binding {
    IoBinding* io = nullptr;
    std::vector<double> addresses;
  };

  // Takes note of the addresses; returns whether those that a run uses are others than at the last one.
  bool Follow(const double* slots);
  // Gives a small value that keeps moving a fixed place.
  void Settle(size_t index);
  bool Differs(const Binding& binding, size_t index) const;
  // The binding to which the fewest slots have to be bound anew.
  Binding& Nearest();
  ort::Status* BindAll(Binding& binding);
  ort::Status* Bind(Binding& binding, size_t index);
  ort::Status* NoAddress(size_t index) const;

  Session* session_;
  MemoryInfo* memory_;
  const RunOptions* options_;
  size_t inputs_;
  bool rebindInputs_;
  std::vector<Slot> slots_;
  // Slots that have memory of their own.
  std::vector<size_t> copiedIn_, copiedOut_;
  // Addresses that the caller gave last, and those that a run uses.
  std::vector<double> given_, used_;
  Binding bindings_[2];
  Binding* latest_ = &bindings_[0];
  // Whether the latest one is complete.
  bool bound_ = false;
};

}  // namespace torchopt
