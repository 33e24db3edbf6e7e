// Random and mutated programs through the decoder and the interpreter of ops/program: each is refused
// with a ProgramError, or gives what a plain evaluation of the same code gives. Sanitizers watch the
// memory. Usage: fuzz_program PROGRAMS SEED; the last line counts what happened.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "../../ops/common/errors.h"
#include "../../ops/program/interpreter.h"
#include "reference.h"

namespace {

using torchopt::Interpreter;
using torchopt::Program;
using torchopt::ProgramError;

using Random = std::mt19937_64;

int64_t between(Random& random, int64_t low, int64_t high) {
  return low + int64_t(random() % uint64_t(high - low + 1));
}
bool chance(Random& random, int percent) { return between(random, 1, 100) <= percent; }

// Elements of all buffers and scratch together that a mutated program may ask for, and operations.
constexpr int64_t kMaxMemory = 1 << 20, kMaxWork = 1 << 24;

// A buffer that a step can read, and how many elements it has.
struct Source {
  int64_t buffer, size;
};

// Writes a valid program: every step reads what is there and writes a buffer of its own.
class Writer {
 public:
  Writer(Random& random, bool large) : random_(random), large_(large) {}

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
    if (large_ && chance(random_, 50)) return between(random_, 100'000, 400'000);
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
    const int64_t kind = between(random_, 1, 3);
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
        constants_.push_back(double(between(random_, -2, 2)));
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
      const Operation& op = kExact[size_t(between(random_, 0, int64_t(kExactCount) - 1))];
      instructions.push_back(op.code);
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
  static Words viewWords(const View& v) {
    Words words = {2, v.buffer, v.offset, int64_t(v.dims.size())};
    words.insert(words.end(), v.dims.begin(), v.dims.end());
    words.insert(words.end(), v.strides.begin(), v.strides.end());
    return words;
  }

  Words reduction(int64_t target, int64_t* produced) {
    const Source s = source();
    View v = view(s);
    if (large_ && s.size >= 1000) v = {s.buffer, 0, {s.size / 500, 500}, {500, 1}, s.size / 500 * 500};
    Words words = {between(random_, 0, 3), v.buffer, v.offset, target, int64_t(v.dims.size())};
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
    const int64_t limit = large_ ? 120 : 20;
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
  bool large_;
  std::vector<Source> sources_;
  std::vector<double> constants_;
};

void mutate(Random& random, Code& code) {
  Words& words = code.words;
  const int64_t changes = chance(random, 75) ? 1 : between(random, 2, 4);
  for (int64_t i = 0; i < changes && !words.empty(); ++i) {
    const size_t at = size_t(between(random, 0, int64_t(words.size()) - 1));
    switch (chance(random, 60) ? between(random, 0, 2) : between(random, 3, 7)) {
      case 0: words[at] += 1; break;
      case 1: words[at] -= 1; break;
      case 2: words[at] = between(random, -2, 64); break;
      case 3: words[at] = int64_t(random()); break;
      case 4: words[at] = int64_t(1) << between(random, 0, 62); break;
      case 5: words.erase(words.begin() + int64_t(at)); break;
      case 6: words.insert(words.begin() + int64_t(at), between(random, -1, 9)); break;
      default: words.resize(at); break;
    }
  }
}

// Operations that a program takes, about.
template <class T>
double workOf(const Program<T>& program) {
  double work = 0;
  for (const auto& step : program.steps) {
    if (const auto* elt = std::get_if<torchopt::EltStep<T>>(&step)) {
      work += double(elt->n) * double(1 + elt->instrs.size());
    } else if (const auto* reduce = std::get_if<torchopt::ReduceStep>(&step)) {
      work += double(reduce->outputs) * double(reduce->length);
    } else if (const auto* product = std::get_if<torchopt::MatmulStep>(&step)) {
      work += double(product->batch) * double(product->m) * double(product->n) * double(1 + product->k);
    }
  }
  return work;
}

// An input over which a program of one loop may write its output: it is as large, and read in order.
// -1 where there is none.
template <class T>
int64_t inputToOverwrite(const Program<T>& program, int64_t outputSize) {
  const auto* elt = program.steps.size() == 1 ? std::get_if<torchopt::EltStep<T>>(&program.steps[0]) : nullptr;
  if (elt == nullptr) return -1;
  for (const auto& input : elt->inputs) {
    const auto other = [&](const auto& x) { return x.buffer == input.buffer; };
    const bool shifted = std::any_of(elt->inputs.begin(), elt->inputs.end(), [&](const auto& x) {
      return x.buffer == input.buffer && x.offset != 0;
    });
    if (!shifted && input.buffer < program.inputs &&
        program.inputSizes[input.buffer] == outputSize &&
        std::none_of(elt->rows.begin(), elt->rows.end(), other) &&
        std::none_of(elt->gathers.begin(), elt->gathers.end(), other) &&
        std::none_of(elt->scalars.begin(), elt->scalars.end(), other)) {
      return int64_t(input.buffer);
    }
  }
  return -1;
}

struct Counts {
  int64_t refused = 0, compared = 0, inPlace = 0, ran = 0, skipped = 0;
};

template <class T>
void check(Random& random, const Code& code, bool mutated, Counts& counts) {
  std::vector<int64_t> consts(code.constants.size());
  if (!consts.empty())
    std::memcpy(consts.data(), code.constants.data(), consts.size() * sizeof(double));
  Program<T> decoded;
  try {
    decoded = torchopt::decodeProgram<T>(code.words.data(), code.words.size(), consts.data(),
                                         consts.size());
  } catch (const ProgramError& error) {
    if (!mutated) {
      std::fprintf(stderr, "a valid program is refused: %s\n", error.what());
      std::abort();
    }
    ++counts.refused;
    return;
  }
  int64_t memory = decoded.memory;
  std::vector<int64_t> outputSizes;
  for (const auto& shape : decoded.outputShapes) {
    outputSizes.push_back(1);
    for (const int64_t d : shape) outputSizes.back() *= d;
    memory += outputSizes.back();
  }
  for (const int64_t size : decoded.inputSizes) memory += size;
  if (memory > kMaxMemory || decoded.inputs + decoded.outputs > 4096 || workOf(decoded) > kMaxWork) {
    ++counts.skipped;
    return;
  }
  // Exactly as large as the decoder says, so that a sanitizer sees one step too many.
  std::vector<std::vector<T>> buffers;
  for (const int64_t size : decoded.inputSizes) {
    std::vector<T> values(size_t(size), T(0));
    for (T& x : values) x = T(between(random, -3, 3));
    buffers.push_back(std::move(values));
  }
  for (const int64_t size : outputSizes) buffers.emplace_back(size_t(size), T(0));
  const auto expected = evaluate<T>(code, buffers, decoded.inputs, decoded.arena);
  const int64_t over = mutated || chance(random, 50) ? -1 : inputToOverwrite(decoded, outputSizes[0]);
  Interpreter<T> interpreter(std::move(decoded));
  const size_t inputs = interpreter.program().inputs;
  int threads = int(between(random, 1, 3));
  {
    const typename Interpreter<T>::Lease context(interpreter);
    for (size_t i = 0; i < buffers.size(); ++i) context->buffers[i] = buffers[i].data();
    if (over >= 0) context->buffers[inputs] = buffers[size_t(over)].data();
    interpreter.run(*context, torchopt::threadParallel(&threads));
  }
  if (over >= 0) {
    buffers[inputs] = buffers[size_t(over)];
    ++counts.inPlace;
  }
  ++counts.ran;
  if (!expected.known) return;
  ++counts.compared;
  for (size_t o = inputs; o < buffers.size(); ++o) {
    for (size_t i = 0; i < buffers[o].size(); ++i) {
      if (!expected.set[o][i]) continue;
      const T got = buffers[o][i], want = expected.values[o][i];
      if (got == want || (std::isnan(got) && std::isnan(want))) continue;
      std::fprintf(stderr, "output %zu[%zu] is %g, wants %g; code:", o - inputs, i, double(got),
                   double(want));
      for (const int64_t w : code.words) std::fprintf(stderr, " %lld", static_cast<long long>(w));
      std::fprintf(stderr, "\n");
      std::abort();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t programs = argc > 1 ? std::atoll(argv[1]) : 1000;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  Counts counts;
  for (int64_t i = 0; i < programs; ++i) {
    Random random(seed * 0x9e3779b97f4a7c15ull + uint64_t(i));
    const bool large = i % 500 == 0, mutated = i % 2 == 1;
    Code code = Writer(random, large).write();
    if (mutated) mutate(random, code);
    if (chance(random, 50)) check<float>(random, code, mutated, counts);
    else check<double>(random, code, mutated, counts);
  }
  const auto n = [](int64_t count) { return static_cast<long long>(count); };
  std::printf("%lld programs: %lld refused, %lld ran (%lld in place), %lld compared, %lld too large\n",
              n(programs), n(counts.refused), n(counts.ran), n(counts.inPlace), n(counts.compared),
              n(counts.skipped));
  return counts.compared * 3 > programs ? 0 : 1;
}
