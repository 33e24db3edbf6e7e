#pragma once

#include <string>
#include <vector>

#include "../common/ort_abi.h"

namespace torchopt {

struct IoBinding;
struct MemoryInfo;
struct Session;

// What one run at a time of a session needs: a binding of native tensors over the memory that the
// slots point to. A tensor is made anew only when the address in its slot has changed.
class Plan {
 public:
  // `words` describes the values: input count, output count, 1 where every run has to bind the inputs
  // anew, then for each input and output its element type, byte count, rank, extents, length of the
  // name in words, and the name, NUL-padded.
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
  bool rebindInputs_;
  std::vector<Slot> slots_;
  std::vector<double> addresses_;
  IoBinding* binding_ = nullptr;
};

}  // namespace torchopt
