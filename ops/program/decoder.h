// Reading and checking the op's attributes: shared by the decoders of the steps.
#pragma once

#include "program.h"

namespace torchopt {

// Numbers of elements stay below this, so that sums and byte counts cannot overflow.
constexpr int64_t kMaxElements = int64_t(1) << 46;

// Takes numbers off the code one by one.
class CodeReader {
 public:
  CodeReader(const int64_t* begin, const int64_t* end) : at_(begin), end_(end) {}
  int64_t next();
  // A number in [low, high].
  int64_t next(const char* what, int64_t low, int64_t high);
  // A count of items that take at least `width` numbers each.
  size_t count(const char* what, size_t width);
  CodeReader part(size_t length);
  size_t left() const { return size_t(end_ - at_); }
  void finish(const char* what) const;

 private:
  const int64_t* at_;
  const int64_t* end_;
};

int64_t checkedProduct(const std::vector<int64_t>& dims);

template <class T>
struct Decoder {
  Program<T>& program;
  const int64_t* consts;
  size_t constCount;

  T constant(int64_t index) const;
  uint32_t buffer(CodeReader& in, const char* what) const;
  // Checks that elements [low, high) of a buffer exist; inputs remember the need instead.
  void reads(uint32_t buffer, int64_t low, int64_t high) const;
  void writes(uint32_t buffer, int64_t high) const;
  void readsView(uint32_t buffer, int64_t offset, const std::vector<Axis>& axes) const;
  int64_t scratch(int64_t elements) const;

  EltStep<T> elt(CodeReader in) const;
  ReduceStep reduce(CodeReader in) const;
  MatmulStep matmul(CodeReader in) const;
};

// Drops axes of size one and merges neighbours that one stride can walk.
std::vector<Axis> mergeAxes(const std::vector<Axis>& axes);
ViewCopy planViewCopy(const std::vector<Axis>& axes);

constexpr int64_t kMaxRank = 32;

}  // namespace torchopt
