#include <cstring>

#include "decoder.h"

namespace torchopt {

namespace {

constexpr int64_t kFormatVersion = 1;

[[noreturn]] void fail(const std::string& message) { throw ProgramError("Program: " + message); }

}  // namespace

int64_t CodeReader::next() {
  if (at_ == end_) fail("the code ends in the middle of a step");
  return *at_++;
}

int64_t CodeReader::next(const char* what, int64_t low, int64_t high) {
  const int64_t x = next();
  if (x < low || x > high) {
    fail(std::string(what) + " is " + std::to_string(x) + ", outside [" + std::to_string(low) +
         ", " + std::to_string(high) + "]");
  }
  return x;
}

size_t CodeReader::count(const char* what, size_t width) {
  return size_t(next(what, 0, int64_t(left() / width)));
}

CodeReader CodeReader::part(size_t length) {
  if (length > left()) fail("a step is longer than the code");
  CodeReader part(at_, at_ + length);
  at_ += length;
  return part;
}

void CodeReader::finish(const char* what) const {
  if (left() != 0) fail(std::string(what) + " has " + std::to_string(left()) + " numbers too many");
}

int64_t checkedProduct(const std::vector<int64_t>& dims) {
  int64_t product = 1;
  for (const int64_t d : dims) {
    if (d < 0) fail("a dimension is negative");
    if (__builtin_mul_overflow(product, d, &product) || product > kMaxElements) {
      fail("a shape has too many elements");
    }
  }
  return product;
}

std::vector<Axis> mergeAxes(const std::vector<Axis>& axes) {
  std::vector<Axis> merged;
  for (const Axis& axis : axes) {
    if (axis.size == 1) continue;
    if (!merged.empty() && merged.back().stride == axis.stride * axis.size) {
      merged.back() = {merged.back().size * axis.size, axis.stride};
    } else {
      merged.push_back(axis);
    }
  }
  return merged;
}

ViewCopy planViewCopy(const std::vector<Axis>& axes) {
  const size_t rank = axes.size();
  ViewCopy copy;
  copy.inner = axes[rank - 1];
  size_t contiguous = rank;
  for (size_t d = 0; d + 1 < rank; ++d) {
    if (axes[d].stride == 1) contiguous = d;
  }
  int64_t outStride = copy.inner.size;
  for (size_t d = rank - 1; d-- > 0; outStride *= axes[d].size) {
    if (d == contiguous) {
      copy.transposes = true;
      copy.rows = axes[d].size;
      copy.rowStride = outStride;
      continue;
    }
    copy.from.insert(copy.from.begin(), axes[d]);
    copy.to.insert(copy.to.begin(), {axes[d].size, outStride});
    copy.blocks *= axes[d].size;
  }
  copy.from.push_back({1, 0});
  copy.to.push_back({1, 0});
  return copy;
}

template <class T>
T Decoder<T>::constant(int64_t index) const {
  if (index < 0 || size_t(index) >= constCount)
    fail("constant " + std::to_string(index) + " does not exist");
  double value;
  std::memcpy(&value, consts + index, sizeof value);
  return T(value);
}

template <class T>
uint32_t Decoder<T>::buffer(CodeReader& in, const char* what) const {
  const size_t count = program.inputs + program.outputs + program.arenaOffsets.size();
  return uint32_t(in.next(what, 0, int64_t(count) - 1));
}

template <class T>
void Decoder<T>::reads(uint32_t buffer, int64_t low, int64_t high) const {
  if (low >= high) return;
  const size_t outputsAt = program.inputs, arenaAt = outputsAt + program.outputs;
  int64_t size;
  if (buffer < outputsAt) {
    size = kMaxElements;
    if (high > program.inputSizes[buffer]) program.inputSizes[buffer] = high;
  } else if (buffer < arenaAt) {
    size = checkedProduct(program.outputShapes[buffer - outputsAt]);
  } else {
    size = program.arena - program.arenaOffsets[buffer - arenaAt];
  }
  if (low < 0 || high > size) {
    fail("elements " + std::to_string(low) + " to " + std::to_string(high) + " of buffer " +
         std::to_string(buffer) + " are outside its " + std::to_string(size));
  }
}

template <class T>
void Decoder<T>::writes(uint32_t buffer, int64_t high) const {
  if (buffer < program.inputs) fail("a step writes to input " + std::to_string(buffer));
  reads(buffer, 0, high);
}

template <class T>
void Decoder<T>::readsView(uint32_t buffer, int64_t offset, const std::vector<Axis>& axes) const {
  int64_t low = offset, high = offset;
  bool empty = false;
  for (const Axis& axis : axes) {
    int64_t reach;
    empty = empty || axis.size == 0;
    if (__builtin_mul_overflow(axis.size - 1, axis.stride, &reach) || reach > kMaxElements ||
        reach < -kMaxElements) {
      fail("a stride is too large");
    }
    (reach < 0 ? low : high) += reach;
  }
  if (!empty) reads(buffer, low, high + 1);
}

template <class T>
int64_t Decoder<T>::scratch(int64_t elements) const {
  // Every piece starts on a cache line.
  constexpr int64_t line = 64 / sizeof(T);
  const int64_t at = program.memory;
  if (elements > kMaxElements - at) fail("the program needs too much memory");
  program.memory += (elements + line - 1) / line * line;
  return at;
}

template <class T>
Program<T> decodeProgram(const int64_t* code, size_t codeLength, const int64_t* consts,
                         size_t constCount) {
  Program<T> program;
  program.kernels = &kernels<T>();
  CodeReader in(code, code + codeLength);
  in.next("the format version", kFormatVersion, kFormatVersion);
  const int64_t many = int64_t(1) << 24;
  program.inputs = size_t(in.next("the number of inputs", 1, many));
  program.outputs = size_t(in.next("the number of outputs", 1, many));
  const size_t arenaBuffers = size_t(in.next("the number of arena buffers", 0, many));
  program.inputSizes.assign(program.inputs, 0);
  for (size_t i = 0; i < program.outputs; ++i) {
    std::vector<int64_t> shape(size_t(in.next("a rank", 0, kMaxRank)));
    for (auto& d : shape) d = in.next("a dimension", 0, kMaxElements);
    checkedProduct(shape);
    program.outputShapes.push_back(std::move(shape));
  }
  for (size_t i = 0; i < arenaBuffers; ++i) {
    program.arenaOffsets.push_back(in.next("an arena offset", 0, kMaxElements));
  }
  program.arena = in.next("the arena size", 0, kMaxElements);
  const Decoder<T> decoder{program, consts, constCount};
  decoder.scratch(program.arena);
  const size_t steps = in.count("the number of steps", 2);
  for (size_t i = 0; i < steps; ++i) {
    const int64_t opcode = in.next("a step's opcode", 1, 3);
    CodeReader payload = in.part(in.count("a step's length", 1));
    switch (opcode) {
      case 1:
        program.steps.emplace_back(decoder.elt(payload));
        break;
      case 2:
        program.steps.emplace_back(decoder.reduce(payload));
        break;
      default:
        program.steps.emplace_back(decoder.matmul(payload));
    }
  }
  in.finish("the code");
  return program;
}

template struct Decoder<float>;
template struct Decoder<double>;
template Program<float> decodeProgram(const int64_t*, size_t, const int64_t*, size_t);
template Program<double> decodeProgram(const int64_t*, size_t, const int64_t*, size_t);

}  // namespace torchopt
