// Random programs for ops/program, as the attributes of the op.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "reference.h"

using Random = std::mt19937_64;

inline int64_t between(Random& random, int64_t low, int64_t high) {
  return low + int64_t(random() % uint64_t(high - low + 1));
}
inline bool chance(Random& random, int percent) { return between(random, 1, 100) <= percent; }

// A number of any size, and now and then one that is none.
inline double realNumber(Random& random) {
  const int64_t kind = between(random, 0, 19);
  if (kind == 0) return std::nan("");
  if (kind == 1) return chance(random, 50) ? HUGE_VAL : -HUGE_VAL;
  if (kind == 2) return chance(random, 50) ? 0.0 : -0.0;
  if (kind <= 4) return double(between(random, -9, 9));
  const double size = std::exp2(double(between(random, -400, 400)) / (kind <= 6 ? 2.7 : 80));
  return (chance(random, 50) ? size : -size) * (1 + double(random() % 1000003) / 1000003);
}

// Codes of all operations.
inline const int64_t kOperations[] = {
#define TORCHOPT_ELT(Code, ...) Code,
#define TORCHOPT_LIBM TORCHOPT_ELT
#include "../../ops/program/opcodes.inc"
#undef TORCHOPT_ELT
#undef TORCHOPT_LIBM
};
constexpr size_t kOperationCount = sizeof kOperations / sizeof *kOperations;

// A program of one operation on so many elements of three inputs.
inline Code oneOperation(int64_t operation, int64_t n) {
  return {{1, 3, 1, 0, 1, n, 0, 1, 1, 21, n, 4, 3, 0, 0, 0, 0, 1, 1, 0, 2, 2,
           1, operation, 3, 0, 1, 2, 1, 3, 3},
          {}};
}

// A buffer that a step can read, and how many elements it has.
struct Source {
  int64_t buffer, size;
};

// What programs are made of.
struct Style {
  bool large;  // some buffers are
  // All operations, on any numbers, but no sums and products, which depend on the order. Else what is
  // exact on small whole numbers.
  bool real;
};

// Writes a valid program: every step reads what is there and writes a buffer of its own.
class ProgramWriter {
 public:
  ProgramWriter(Random& random, Style style) : random_(random), style_(style) {}

  Code write() {
    const int64_t inputs = between(random_, 1, 3), steps = between(random_, 1, 5);
    for (int64_t i = 0; i < inputs; ++i) sources_.push_back({i, size()});
    // The last step writes the only output; the others write to the arena.
    std::vector<int64_t> offsets;
    int64_t arena = 0;
    Words body;
    Words shape;
    for (int64_t i = 0; i < steps; ++i) {
      const bool last = i + 1 == steps;
      const int64_t target = last ? inputs : inputs + 1 + i;
      int64_t produced = 0;
      const Words step = writeStep(target, &produced);
      body.insert(body.end(), step.begin(), step.end());
      if (last) shape = {1, produced};
      else {
        offsets.push_back(arena);
        arena += (produced + 15) / 16 * 16;
        sources_.push_back({target, produced});
      }
    }
    Words words = {1, inputs, 1, int64_t(offsets.size())};
    words.insert(words.end(), shape.begin(), shape.end());
    words.insert(words.end(), offsets.begin(), offsets.end());
    words.push_back(arena);
    words.push_back(steps);
    words.insert(words.end(), body.begin(), body.end());
    return {words, constants_};
  }

 private:
  int64_t size() {
    if (style_.large && chance(random_, 50)) return between(random_, 100'000, 400'000);
    const int64_t sizes[] = {0, 1, 2, 3, 7, 8, 12, 16, 31, 64, 100, 513, 2048};
    return sizes[between(random_, 0, 12)];
  }
  Source source() { return sources_[size_t(between(random_, 0, int64_t(sources_.size()) - 1))]; }

  // A view of a source: dims, strides and offset that stay inside.
  struct View {
    int64_t buffer, offset;
    Words dims, strides;
    int64_t elements;
  };
  View view(const Source& s) {
    View v{s.buffer, 0, {}, {}, 1};
    int64_t left = s.size - 1;
    if (s.size == 0) return {s.buffer, 0, {0}, {1}, 0};
    const int64_t rank = between(random_, 0, 4);
    for (int64_t d = 0; d < rank; ++d) {
      const int64_t dim = between(random_, 1, 6);
      int64_t stride = chance(random_, 25) ? 0 : chance(random_, 40) ? 1 : between(random_, 1, 9);
      if (stride * (dim - 1) > left) stride = 0;
      left -= stride * (dim - 1);
      v.dims.push_back(dim);
      v.strides.push_back(stride);
      v.elements *= dim;
    }
    v.offset = between(random_, 0, left);
    // Some strides run backwards.
    for (size_t d = 0; d < v.dims.size(); ++d) {
      if (!chance(random_, 15)) continue;
      v.offset += v.strides[d] * (v.dims[d] - 1);
      v.strides[d] = -v.strides[d];
    }
    return v;
  }

  Words writeStep(int64_t target, int64_t* produced) {
    Words payload;
    const int64_t kind = style_.real ? chance(random_, 75) ? 1 : 2 : between(random_, 1, 3);
    if (kind == 1) payload = elementwise(target, produced);
    else if (kind == 2) payload = reduction(target, produced);
    else payload = product(target, produced);
    payload.insert(payload.begin(), {kind, int64_t(payload.size())});
    return payload;
  }

  Words elementwise(int64_t target, int64_t* produced) {
    const Source first = source();
    const View shape = view(first);
    const bool whole = chance(random_, 50);
    const int64_t n = *produced = whole ? first.size : shape.elements;
    Words loads;
    int64_t registers = 0, count = 0;
    const auto load = [&](const Words& load) {
      loads.push_back(load[0]);
      loads.push_back(registers++);
      loads.insert(loads.end(), load.begin() + 1, load.end());
      ++count;
    };
    if (whole) load({0, first.buffer});
    else load(viewWords(shape));
    const int64_t more = between(random_, 0, 3);
    for (int64_t i = 0; i < more; ++i) {
      const Source s = source();
      if (chance(random_, 30)) {
        constants_.push_back(style_.real ? realNumber(random_) : double(between(random_, -2, 2)));
        load({3, int64_t(constants_.size()) - 1});
      } else if (s.size > 0 && chance(random_, 30)) {
        load({1, s.buffer, between(random_, 0, s.size - 1)});
      } else if (s.size >= n && chance(random_, 60)) {
        load({0, s.buffer});
      } else if (!whole && s.size > 0) {
        // The same sizes, walked otherwise.
        View v = shape;
        v.buffer = s.buffer;
        v.offset = between(random_, 0, s.size - 1);
        int64_t left = s.size - 1 - v.offset;
        for (size_t d = 0; d < v.dims.size(); ++d) {
          int64_t stride = between(random_, 0, 7);
          if (stride * (v.dims[d] - 1) > left) stride = 0;
          left -= stride * (v.dims[d] - 1);
          v.strides[d] = stride;
        }
        load(viewWords(v));
      }
    }
    Words instructions;
    const int64_t operations = between(random_, 0, 6);
    for (int64_t i = 0; i < operations; ++i) {
      instructions.push_back(operation());
      const bool reuse = chance(random_, 20);
      const int64_t a = between(random_, 0, registers - 1), b = between(random_, 0, registers - 1),
                    c = between(random_, 0, registers - 1);
      instructions.push_back(reuse ? between(random_, 0, registers - 1) : registers);
      if (!reuse) ++registers;
      instructions.insert(instructions.end(), {a, b, c});
    }
    Words words = {n, registers, count};
    words.insert(words.end(), loads.begin(), loads.end());
    words.push_back(operations);
    words.insert(words.end(), instructions.begin(), instructions.end());
    words.insert(words.end(), {1, target, registers - 1});
    return words;
  }
  int64_t operation() {
    if (style_.real) return kOperations[between(random_, 0, int64_t(kOperationCount) - 1)];
    return kExact[between(random_, 0, int64_t(kExactCount) - 1)].code;
  }
  static Words viewWords(const View& v) {
    Words words = {2, v.buffer, v.offset, int64_t(v.dims.size())};
    words.insert(words.end(), v.dims.begin(), v.dims.end());
    words.insert(words.end(), v.strides.begin(), v.strides.end());
    return words;
  }

  Words reduction(int64_t target, int64_t* produced) {
    const Source s = source();
    View v = view(s);
    if (style_.large && s.size >= 1000) v = {s.buffer, 0, {s.size / 500, 500}, {500, 1}, s.size / 500 * 500};
    const int64_t reduction = style_.real ? between(random_, 1, 2) : between(random_, 0, 3);
    Words words = {reduction, v.buffer, v.offset, target, int64_t(v.dims.size())};
    words.insert(words.end(), v.dims.begin(), v.dims.end());
    words.insert(words.end(), v.strides.begin(), v.strides.end());
    *produced = 1;
    for (const int64_t dim : v.dims) {
      const bool keep = chance(random_, 50);
      words.push_back(keep);
      if (keep) *produced *= dim;
    }
    return words;
  }

  Words product(int64_t target, int64_t* produced) {
    const Source a = source(), b = source();
    const int64_t limit = style_.large ? 120 : 20;
    int64_t m = between(random_, 0, limit), n = between(random_, 0, limit),
            k = between(random_, 0, limit), batch = between(random_, 1, 3);
    while (m * k > a.size) m > k ? m /= 2 : k /= 2;
    while (k * n > b.size) n > 0 ? n /= 2 : k /= 2;
    const int64_t aStep = a.size >= batch * m * k ? m * k : 0,
                  bStep = b.size >= batch * k * n ? k * n : 0;
    *produced = batch * m * n;
    return {a.buffer, 0, b.buffer, 0, target, batch, aStep, bStep,
            m, n, k, between(random_, 0, 1), between(random_, 0, 1)};
  }

  Random& random_;
  const Style style_;
  std::vector<Source> sources_;
  std::vector<double> constants_;
};

// An input over which a program of one loop may write its output: it is as large, and read in order
// only. -1 where there is none.
inline int64_t inputToOverwrite(const Code& code, const std::vector<int64_t>& inputSizes,
                                int64_t outputSize) {
  const Words& w = code.words;
  // Version, inputs, outputs, buffers of the arena, the shape of the output, size of the arena.
  size_t at = 5 + size_t(w[4]) + size_t(w[3]) + 1;
  if (w[at++] != 1 || w[at++] != 1) return -1;
  at += 3;
  std::vector<char> whole(inputSizes.size(), 0), otherwise(inputSizes.size(), 0);
  for (int64_t loads = w[at++]; loads > 0; --loads) {
    const int64_t mode = w[at];
    at += 2;
    if (mode != 3 && w[at] < int64_t(inputSizes.size())) (mode == 0 ? whole : otherwise)[size_t(w[at])] = 1;
    at += mode == 2 ? 3 + 2 * size_t(w[at + 2]) : mode == 1 ? 2 : 1;
  }
  for (size_t i = 0; i < inputSizes.size(); ++i) {
    if (whole[i] && !otherwise[i] && inputSizes[i] == outputSize) return int64_t(i);
  }
  return -1;
}

// A loop: the attributes of the op, the elements of each of its inputs and outputs, and what whole numbers
// among the inputs are.
struct LoopCode {
  Code code;
  Words layout;
  std::vector<int64_t> inputSizes, outputSizes;
  int64_t start, limit;  // of the counter, and of iterations
};

// Two carries, a list that is gone through, a constant and a counter; results are collected in two lists.
// All stays in whole numbers of [-8, 8], or sums of them.
inline LoopCode randomLoop(Random& random) {
  const int64_t n = between(random, 1, 40), m = between(random, 1, 3), length = between(random, 0, 9);
  const bool tested = chance(random, 50);
  LoopCode loop;
  loop.start = between(random, -2, 3);
  loop.limit = between(random, 0, length);
  const int64_t operations[] = {0, 1, 5, 6};
  const auto operation = [&] { return operations[between(random, 0, 3)]; };
  loop.code.constants = {8, -8, double(between(random, 0, 9)), double(between(random, -8, 40))};
  // Buffers: 0 and 1 the carries, 2 the list, 3 the constant, 4 the counter; 5 and 6 the next carries, 7
  // the test.
  Words elements = {n, 11, 7, 0, 0, 0, 0, 1, 3, 1, 2, 4, 0, 1, 3, 2, between(random, 0, m - 1),
                    1, 4, 1, 0, 3, 5, 0, 3, 6, 1, 4};
  elements.insert(elements.end(), {operation(), 7, 0, 1, 0, operation(), 8, 7, between(random, 2, 4), 0,
                                   6, 9, 8, 5, 0, 5, 10, 9, 6, 0, 1, 5, 10});
  const Words sum = {between(random, 0, 2), 5, 0, 6, 1, n, 1, 0};
  const Words test = {1, 7, 4, 1, 0, 4, 0, 1, 1, 6, 0, 3, 2, 2, 3, 3, 3,
                      3, 40, 4, 0, 2, 0, 41, 5, 1, 3, 0, 44, 6, 4, 5, 0, 1, 7, 6};
  Words& words = loop.code.words;
  words = {1, 5, tested ? 3 : 2, 0, 1, n, 0};
  if (tested) words.push_back(0);
  words.insert(words.end(), {0, tested ? 3 : 2});
  const auto step = [&](int64_t kind, const Words& payload) {
    words.insert(words.end(), {kind, int64_t(payload.size())});
    words.insert(words.end(), payload.begin(), payload.end());
  };
  step(1, elements);
  step(2, sum);
  if (tested) step(1, test);
  // Sizes of carries and lists, shapes of results, then how the loop goes.
  loop.layout = {2, n, 1, 1, m, 2, n, n, 1, n, 0, 1, n, 1, n, 1, 1, length, chance(random, 50), tested,
                 chance(random, 30)};
  // Places of the program's inputs and outputs.
  loop.layout.insert(loop.layout.end(), {0, 0, 0, 1, 1, 0, 2, 0, 3, 0, 0, 0, 0, 1});
  if (tested) loop.layout.insert(loop.layout.end(), {4, 0});
  // The lists get the next carry and the one before.
  loop.layout.insert(loop.layout.end(), {2, 1, 0, 0, 1, 0, 0, 0, 0, 1, 1});
  loop.inputSizes = {n, 1, m * length, n, 2, 2};
  if (tested) loop.inputSizes.push_back(1);
  loop.outputSizes = {n, 1, length * n, length * n, 2};
  return loop;
}
