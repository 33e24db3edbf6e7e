// The body of a kernel for one step of a program. All bodies share these names: `args`, `memory` (the
// working memory), `shared`, `first` and `all` (number of this thread, and of all threads of the
// launch), `bN` (buffer N of the program).
#pragma once

#include <set>

#include "source.h"
#include "text.h"

namespace torchopt {

struct StepText {
  std::string body;
  std::set<uint32_t> buffers;  // that the body names
  bool memory = false;         // whether it names `memory`
  int64_t tasks = 1;           // blocks that have something to do
  size_t shared = 0;           // elements of `shared`
};

template <class T>
class StepWriter {
 public:
  StepWriter(const Program<T>& program, const CudaLimits& limits);

  // Operations that a step takes, about.
  int64_t work(const typename Program<T>::Step& step) const;
  // The kernels of a step, one after another.
  std::vector<StepText> kernels(const typename Program<T>::Step& step);
  // The same as one kernel, of one block.
  StepText block(const typename Program<T>::Step& step);

  // Definitions of the operations that were used.
  std::string operations() const;
  // Elements of working memory: the arena, and what kernels hand on.
  int64_t memory() const { return memory_; }
  // Takes working memory for good; returns its offset.
  int64_t reserve(int64_t elements);

 private:
  StepText elt(const EltStep<T>& step, std::vector<StepText>* before);
  std::string scalars(const EltStep<T>& step, StepText& text);
  std::string call(const EltInstr<T>& instr, const std::string& a, const std::string& b,
                   const std::string& c, bool byScalar);
  StepText transpose(const EltGather& gather);
  StepText reduce(const ReduceStep& step, std::vector<StepText>* after);
  StepText matmul(const MatmulStep& step, std::vector<StepText>* after);
  struct Reading {
    std::string functor, making;
    bool columns, wide;
  };
  StepText reduction(const Reading& reading, ReduceKind kind, uint32_t out, int64_t outputs,
                     int64_t length, std::vector<StepText>* after);

  std::string name(uint32_t buffer, StepText& text) const;

  const Program<T>& program_;
  const CudaLimits limits_;
  int64_t scratch_, memory_;
  std::set<int> used_;
  bool powers_ = false;
};

// The offset of an element, as an expression of the index `i` of a view of these axes.
struct AddressText {
  std::string expression;
  bool wide;  // whether it takes 64 bits
};
AddressText addressText(const std::vector<Axis>& axes, int64_t offset, const std::string& index,
                        bool wideIndex);

// Whether a number of elements takes an index of 64 bits.
inline bool isWide(int64_t n) { return n >= (int64_t(1) << 31) - (int64_t(1) << 24); }
inline const char* indexType(bool wide) { return wide ? "u64" : "u32"; }

// The beginning of a kernel, up to the names that all bodies share.
std::string kernelHead(const std::string& name, unsigned threads, size_t pointers, size_t shared);
// The text of these kernels, whose bodies `writer` wrote, without the part that all texts share.
template <class T>
std::string ownText(const StepWriter<T>& writer, const std::string& kernels);

}  // namespace torchopt
