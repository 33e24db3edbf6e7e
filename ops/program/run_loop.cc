#include <cstring>
#include <tuple>
#include <string>

#include "decoder.h"
#include "loop.h"

namespace torchopt {

namespace {

// Reads the layout number by number.
class Numbers {
 public:
  explicit Numbers(const std::vector<int64_t>& code) : code_(code) {}
  int64_t next() {
    if (at_ == code_.size()) throw ProgramError("Loop: the layout ends early");
    return code_[at_++];
  }
  int64_t below(int64_t limit) {
    const int64_t value = next();
    if (value < 0 || value >= limit) {
      throw ProgramError("Loop: the layout has " + std::to_string(value) + ", wants 0 to " +
                         std::to_string(limit - 1));
    }
    return value;
  }
  bool done() const { return at_ == code_.size(); }

 private:
  const std::vector<int64_t>& code_;
  size_t at_ = 0;
};

constexpr int64_t kMost = 1 << 20;

std::vector<int64_t> sizes(Numbers& numbers) {
  std::vector<int64_t> all(size_t(numbers.below(kMost)));
  for (auto& size : all) {
    size = numbers.next();
    if (size < 0 || size > kMaxElements) throw ProgramError("Loop: a size is out of range");
  }
  return all;
}

size_t countOf(const LoopLayout& layout, LoopPlace place, bool written) {
  switch (place) {
    case LoopPlace::carry:
      return layout.carries.size();
    case LoopPlace::list:
      return (written ? layout.ys : layout.xs).size();
    case LoopPlace::constant:
      return written ? 0 : layout.constants;
    case LoopPlace::counter:
      return written ? 0 : layout.counters;
    default:
      return written && layout.tested ? 1 : 0;
  }
}

std::pair<LoopPlace, uint32_t> place(Numbers& numbers, const LoopLayout& layout, bool written) {
  const auto kind = LoopPlace(numbers.below(5));
  const int64_t index = numbers.below(int64_t(countOf(layout, kind, written)));
  return {kind, uint32_t(index)};
}

int64_t elements(const LoopLayout& layout, LoopPlace kind, uint32_t index, bool written) {
  if (kind == LoopPlace::carry) return layout.carries[index];
  if (kind == LoopPlace::list) return (written ? layout.ys : layout.xs)[index];
  return kind == LoopPlace::constant ? INT64_MAX : 1;
}

int64_t product(const std::vector<int64_t>& shape) {
  int64_t n = 1;
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(n, size, &n) || n > kMaxElements) {
      throw ProgramError("Loop: a shape has too many elements");
    }
  }
  return n;
}

}  // namespace

template <class T>
LoopLayout decodeLoop(const std::vector<int64_t>& code, const Program<T>& program) {
  Numbers numbers(code);
  LoopLayout layout;
  layout.carries = sizes(numbers);
  layout.xs = sizes(numbers);
  layout.ys = sizes(numbers);
  for (size_t i = 0; i < layout.carries.size() + layout.ys.size(); ++i) {
    layout.shapes.push_back(sizes(numbers));
    const int64_t wanted = i < layout.carries.size() ? layout.carries[i]
                                                     : layout.ys[i - layout.carries.size()];
    if (product(layout.shapes[i]) != wanted) throw ProgramError("Loop: a shape has another size");
  }
  layout.constants = uint32_t(numbers.below(kMost));
  layout.counters = uint32_t(numbers.below(kMost));
  layout.length = numbers.below(kMaxElements);
  for (const auto& list : {layout.xs, layout.ys}) {
    for (const int64_t size : list) product({layout.length, size});
  }
  layout.reverse = numbers.below(2) != 0;
  layout.tested = numbers.below(2) != 0;
  layout.partial = numbers.below(2) != 0;
  for (size_t i = 0; i < program.inputs; ++i) {
    layout.inputs.push_back(place(numbers, layout, false));
    const auto [kind, index] = layout.inputs[i];
    if (elements(layout, kind, index, false) < program.inputSizes[i]) {
      throw ProgramError("Loop: an operand has fewer elements than the step reads");
    }
  }
  for (size_t i = 0; i < program.outputs; ++i) {
    layout.outputs.push_back(place(numbers, layout, true));
    const auto [kind, index] = layout.outputs[i];
    if (elements(layout, kind, index, true) != product(program.outputShapes[i])) {
      throw ProgramError("Loop: a result has another number of elements than the step writes");
    }
  }
  const int64_t moves = numbers.below(kMost);
  for (int64_t i = 0; i < moves; ++i) {
    LoopMove move;
    move.output = numbers.below(2) != 0;
    std::tie(move.from, move.source) = place(numbers, layout, move.output);
    std::tie(move.to, move.target) = place(numbers, layout, true);
    const int64_t from = elements(layout, move.from, move.source, move.output);
    if (from != INT64_MAX && from != elements(layout, move.to, move.target, true)) {
      throw ProgramError("Loop: a copy is of another number of elements");
    }
    layout.moves.push_back(move);
  }
  if (!numbers.done()) throw ProgramError("Loop: the layout is too long");
  return layout;
}

template <class T>
int64_t runLoop(const Interpreter<T>& interpreter, Context<T>& context, const LoopLayout& layout,
                const LoopMemory<T>& memory, const Parallel& parallel) {
  const size_t carries = layout.carries.size();
  // Carries alternate between the results and memory beside them, so that the last ones are results
  // where the number of iterations is known.
  int64_t total = 0;
  std::vector<int64_t> starts;
  for (const int64_t size : layout.carries) {
    starts.push_back(total);
    total += (size + 15) / 16 * 16;
  }
  AlignedMemory beside = MemoryPool::shared().take(size_t(total) * sizeof(T));
  T* const other = static_cast<T*>(beside.data());
  std::vector<const T*> now = memory.init;
  std::vector<T*> next(carries);
  bool toResults = layout.tested || memory.limit % 2 != 0;
  const auto aim = [&] {
    for (size_t i = 0; i < carries; ++i) {
      next[i] = toResults ? memory.carries[i] : other + starts[i];
    }
  };
  std::vector<T> counters(layout.counters);
  T test = T(memory.go ? 1 : 0);
  int64_t made = 0;
  const auto read = [&](LoopPlace kind, uint32_t index, int64_t at) -> const T* {
    switch (kind) {
      case LoopPlace::carry:
        return now[index];
      case LoopPlace::list:
        return memory.xs[index] + at * layout.xs[index];
      case LoopPlace::constant:
        return memory.constants[index];
      default:
        return &counters[index];
    }
  };
  const auto written = [&](LoopPlace kind, uint32_t index, int64_t at) -> T* {
    switch (kind) {
      case LoopPlace::carry:
        return next[index];
      case LoopPlace::list:
        return memory.ys[index] + at * layout.ys[index];
      default:
        return &test;
    }
  };
  // What is the same in each iteration is placed once.
  T** const buffer = context.buffers.data();
  std::vector<std::pair<size_t, std::pair<LoopPlace, uint32_t>>> reads, writes;
  const auto moves = [](LoopPlace kind) { return kind == LoopPlace::carry || kind == LoopPlace::list; };
  for (size_t i = 0; i < layout.inputs.size(); ++i) {
    const auto [kind, index] = layout.inputs[i];
    if (moves(kind)) reads.push_back({i, layout.inputs[i]});
    else buffer[i] = const_cast<T*>(read(kind, index, 0));
  }
  for (size_t i = 0; i < layout.outputs.size(); ++i) {
    const auto [kind, index] = layout.outputs[i];
    const size_t to = layout.inputs.size() + i;
    if (moves(kind)) writes.push_back({to, layout.outputs[i]});
    else buffer[to] = &test;
  }
  for (; made < memory.limit && test != 0; ++made) {
    const int64_t at = layout.reverse ? memory.limit - 1 - made : made;
    aim();
    for (size_t i = 0; i < counters.size(); ++i) counters[i] = T(memory.counters[i] + made);
    for (const auto& [i, place] : reads) {
      buffer[i] = const_cast<T*>(read(place.first, place.second, at));
    }
    for (const auto& [i, place] : writes) buffer[i] = written(place.first, place.second, at);
    interpreter.run(context, parallel);
    for (const LoopMove& move : layout.moves) {
      const T* from = move.output ? written(move.from, move.source, at)
                                  : read(move.from, move.source, at);
      const int64_t n = elements(layout, move.to, move.target, true);
      std::memcpy(written(move.to, move.target, at), from, size_t(n) * sizeof(T));
    }
    for (size_t i = 0; i < carries; ++i) now[i] = next[i];
    toResults = !toResults;
  }
  for (size_t i = 0; i < carries; ++i) {
    if (now[i] == memory.carries[i]) continue;
    std::memcpy(memory.carries[i], now[i], size_t(layout.carries[i]) * sizeof(T));
  }
  // Iterations that did not take place gave zeros.
  for (size_t i = 0; i < layout.ys.size() && !layout.partial; ++i) {
    const int64_t size = layout.ys[i];
    std::memset(memory.ys[i] + made * size, 0, size_t((layout.length - made) * size) * sizeof(T));
  }
  MemoryPool::shared().give(std::move(beside));
  return made;
}

template <class T>
void runLoopNode(Interpreter<T>& interpreter, const LoopLayout& layout, T* const* buffers,
                 const Parallel& parallel) {
  LoopMemory<T> memory;
  const auto take = [&](auto& list, size_t count) {
    for (size_t i = 0; i < count; ++i) list.push_back(*buffers++);
  };
  const auto whole = [&] {
    const T* const pair = *buffers++;
    return int64_t(pair[0]) * kWholeHigh + int64_t(pair[1]);
  };
  take(memory.init, layout.carries.size());
  take(memory.xs, layout.xs.size());
  take(memory.constants, layout.constants);
  for (size_t i = 0; i < layout.counters; ++i) memory.counters.push_back(whole());
  memory.limit = whole();
  if (layout.tested) memory.go = **buffers++ != 0;
  if (memory.limit > layout.length && layout.xs.size() + layout.ys.size() > 0) {
    throw ProgramError("Loop: more iterations than elements of a list");
  }
  take(memory.carries, layout.carries.size());
  take(memory.ys, layout.ys.size());
  T* const count = *buffers;
  int64_t made = 0;
  {
    const typename Interpreter<T>::Lease run(interpreter);
    made = runLoop(interpreter, *run, layout, memory, parallel);
  }
  count[0] = T(made / kWholeHigh);
  count[1] = T(made % kWholeHigh);
}

template void runLoopNode<float>(Interpreter<float>&, const LoopLayout&, float* const*,
                                 const Parallel&);
template void runLoopNode<double>(Interpreter<double>&, const LoopLayout&, double* const*,
                                  const Parallel&);
template LoopLayout decodeLoop<float>(const std::vector<int64_t>&, const Program<float>&);
template LoopLayout decodeLoop<double>(const std::vector<int64_t>&, const Program<double>&);
template int64_t runLoop<float>(const Interpreter<float>&, Context<float>&, const LoopLayout&,
                                const LoopMemory<float>&, const Parallel&);
template int64_t runLoop<double>(const Interpreter<double>&, Context<double>&, const LoopLayout&,
                                 const LoopMemory<double>&, const Parallel&);

}  // namespace torchopt
