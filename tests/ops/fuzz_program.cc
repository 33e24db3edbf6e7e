// Random and mutated programs through the decoder and the interpreter of ops/program: each is refused
// with a ProgramError, or gives what a plain evaluation of the same code gives. Sanitizers watch the
// memory. Usage: fuzz_program PROGRAMS SEED; the last line counts what happened.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../../ops/common/errors.h"
#include "../../ops/program/interpreter.h"
#include "random_program.h"
#include "reference.h"

namespace {

using torchopt::Interpreter;
using torchopt::Program;
using torchopt::ProgramError;

// Elements of all buffers and scratch together that a mutated program may ask for, and operations.
constexpr int64_t kMaxMemory = 1 << 20, kMaxWork = 1 << 24;

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
  const int64_t over = mutated || chance(random, 50) ? -1 : inputToOverwrite(code, decoded.inputSizes, outputSizes[0]);
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
    Code code = ProgramWriter(random, {large, false}).write();
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
