// A loop whose step is a program: where its operands and results are in each iteration.
#pragma once

#include <cstdint>
#include <vector>

#include "interpreter.h"

namespace torchopt {

// Whole numbers travel as two, which both types hold exactly: high * 2^20 + low.
constexpr int64_t kWholeHigh = 1 << 20;

// What a buffer of the step is, in the iteration at hand.
enum class LoopPlace : int64_t {
  carry = 0,    // of the step's beginning where it is read, of its end where it is written
  list = 1,     // the element of a list whose turn it is
  constant = 2, // the same in each iteration
  counter = 3,  // a number that grows by one in each iteration
  test = 4,     // whether there is another iteration
};

// A copy that the step makes besides what the program computes: from an operand, or from what the
// program wrote (`output`), to a carry or a list.
struct LoopMove {
  bool output;
  LoopPlace from;
  uint32_t source;
  LoopPlace to;
  uint32_t target;
};

struct LoopLayout {
  std::vector<int64_t> carries;   // elements of each
  std::vector<int64_t> xs, ys;    // elements of one element of each list
  std::vector<std::vector<int64_t>> shapes;  // of the carries, then of an element of each result list
  uint32_t constants = 0, counters = 0;
  int64_t length = 0;  // elements of the lists
  bool reverse = false, tested = false;
  bool partial = false;  // lists are left as they are after the last iteration
  std::vector<std::pair<LoopPlace, uint32_t>> inputs, outputs;  // of the program
  std::vector<LoopMove> moves;
};

// Decodes the attribute `layout` (ops/README.md), checked against the program. Throws ProgramError.
template <class T>
LoopLayout decodeLoop(const std::vector<int64_t>& code, const Program<T>& program);

// Memory of one run.
template <class T>
struct LoopMemory {
  std::vector<const T*> init, xs, constants;
  std::vector<T*> carries, ys;       // results
  std::vector<int64_t> counters;     // where each starts
  int64_t limit = 0;                 // most iterations
  bool go = true;                    // the test before the first one
};

// Runs the loop; returns the number of iterations.
template <class T>
int64_t runLoop(const Interpreter<T>& interpreter, Context<T>& context, const LoopLayout& layout,
                const LoopMemory<T>& memory, const Parallel& parallel);

// The same with the addresses of the node's inputs and outputs, in their order. Throws ProgramError where
// there are more iterations than elements of a list.
template <class T>
void runLoopNode(Interpreter<T>& interpreter, const LoopLayout& layout, T* const* buffers,
                 const Parallel& parallel);

}  // namespace torchopt
