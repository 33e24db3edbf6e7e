// A native loop as one kernel: one block makes all iterations, counts and tests.

#include <algorithm>

#include "step_text.h"

namespace torchopt {

namespace {

// Work of an iteration that one block does in about the time of a launch or two.
constexpr int64_t kMost = 1 << 16;

template <class T>
class LoopWriter {
 public:
  LoopWriter(const Program<T>& program, const LoopLayout& layout, const CudaLimits& limits)
      : program_(program), layout_(layout), limits_(limits), writer_(program, limits) {}

  CudaSource write(const std::string& name) {
    int64_t work = 0;
    for (const auto& step : program_.steps) work += writer_.work(step);
    for (const LoopMove& move : layout_.moves) work += elements(move.to, move.target);
    if (work > kMost) {
      throw ProgramError("Loop: an iteration takes " + std::to_string(work) +
                         " operations, more than one block does (" + std::to_string(kMost) + ")");
    }
    const std::string step = iteration();
    CudaSource source;
    CudaLaunch launch;
    launch.kernel = name;
    launch.threads = limits_.threads;
    launch.memory = true;
    const std::string names = operands();
    for (uint32_t i = 0; i < pointers_; ++i) launch.buffers.push_back(i);
    if (pointers_ + 1 > kMaxPointers) {
      throw ProgramError("Loop: " + std::to_string(pointers_) + " operands and results, a kernel takes " +
                         std::to_string(kMaxPointers));
    }
    const std::string kernel =
        kernelHead(name, limits_.threads, pointers_ + 1, shared_) +
        cat("  T* const memory = args.at[", pointers_, "];\n") + names + iterations(step) + results() +
        "}\n";
    source.launches.push_back(std::move(launch));
    source.memory = writer_.memory();
    source.common = cudaPrelude(limits_.threads);
    source.own = ownText(writer_, kernel);
    return source;
  }

 private:
  int64_t elements(LoopPlace place, uint32_t index) const {
    return place == LoopPlace::carry ? layout_.carries[index]
           : place == LoopPlace::list ? layout_.ys[index]
                                      : 1;
  }
  // Pointers of the node's inputs and outputs, in order.
  std::string operands() {
    std::string text;
    const auto each = [&](const char* name, size_t count, const char* type) {
      for (size_t i = 0; i < count; ++i) {
        text += cat("  ", type, " ", name, i, " = args.at[", pointers_++, "];\n");
      }
    };
    // nowN: the carries an iteration reads; nextN: where it writes; listN, kN: lists and constants.
    each("now", layout_.carries.size(), "T*");
    each("list", layout_.xs.size(), "T* const");
    each("k", layout_.constants, "T* const");
    each("start", layout_.counters, "const T* const");
    each("limits", 1, "const T* const");
    if (layout_.tested) each("go", 1, "const T* const");
    each("result", layout_.carries.size(), "T* const");
    each("made", layout_.ys.size(), "T* const");
    each("count", 1, "T* const");
    for (size_t i = 0; i < layout_.carries.size(); ++i) {
      text += cat("  T* const other", i, " = memory + ", writer_.reserve(layout_.carries[i]), ";\n");
    }
    return text;
  }

  std::string read(LoopPlace place, uint32_t index) const {
    switch (place) {
      case LoopPlace::carry:
        return cat("now", index);
      case LoopPlace::list:
        return cat("list", index, " + at * ", layout_.xs[index]);
      case LoopPlace::constant:
        return cat("k", index);
      default:
        return cat("&counter", index);
    }
  }
  std::string written(LoopPlace place, uint32_t index) const {
    switch (place) {
      case LoopPlace::carry:
        return cat("next", index);
      case LoopPlace::list:
        return cat("made", index, " + at * ", layout_.ys[index]);
      default:
        return "&test";
    }
  }

  // The bodies of the steps, and the copies.
  std::string iteration() {
    std::string text;
    for (const auto& step : program_.steps) {
      const StepText body = writer_.block(step);
      if (body.body.empty()) continue;
      text += body.body + "  __syncthreads();\n";
      shared_ = std::max(shared_, body.shared);
    }
    return text;
  }

  std::string iterations(const std::string& steps) const {
    const int64_t high = kWholeHigh;
    std::string text;
    if (layout_.tested) text += "  __shared__ T test;\n  if (threadIdx.x == 0) test = *go0;\n  __syncthreads();\n";
    text += cat("  i64 limit = i64(limits0[0]) * ", high, " + i64(limits0[1]);\n");
    if (layout_.xs.size() + layout_.ys.size() > 0) {
      text += cat("  if (limit > ", layout_.length, ") limit = ", layout_.length, ";\n");
    }
    for (uint32_t i = 0; i < layout_.counters; ++i) {
      text += cat("  const i64 from", i, " = i64(start", i, "[0]) * ", high, " + i64(start", i,
                  "[1]);\n");
    }
    // Where the number of iterations is known, the last one writes to the results.
    text += cat("  bool toResults = ", layout_.tested ? "true" : "limit % 2 != 0",
                ";\n  i64 made = 0;\n  for (; made < limit; ++made) {\n");
    // All threads read the test before one writes it again.
    if (layout_.tested) text += "  const bool go = test != 0;\n  __syncthreads();\n  if (!go) break;\n";
    text += cat("  const i64 at = ", layout_.reverse ? "limit - 1 - made" : "made", ";\n  (void)at;\n");
    for (uint32_t i = 0; i < layout_.counters; ++i) {
      text += cat("  T counter", i, " = T(from", i, " + made);\n");
    }
    for (size_t i = 0; i < layout_.carries.size(); ++i) {
      text += cat("  T* const next", i, " = toResults ? result", i, " : other", i, ";\n");
    }
    uint32_t buffer = 0;
    const auto named = [&](const std::string& place) {
      text += cat("  T* const b", buffer, " = ", place, ";\n  (void)b", buffer, ";\n");
      ++buffer;
    };
    for (const auto& [place, index] : layout_.inputs) named(read(place, index));
    for (const auto& [place, index] : layout_.outputs) named(written(place, index));
    for (const int64_t offset : program_.arenaOffsets) named(cat("memory + ", offset));
    text += steps;
    for (const LoopMove& move : layout_.moves) {
      text += cat("  {\n    const T* const p = ",
                  move.output ? written(move.from, move.source) : read(move.from, move.source),
                  ";\n    T* const q = ", written(move.to, move.target),
                  ";\n    for (i64 i = threadIdx.x; i < ", elements(move.to, move.target),
                  "; i += kThreads) q[i] = p[i];\n  }\n");
    }
    if (!layout_.moves.empty()) text += "  __syncthreads();\n";
    for (size_t i = 0; i < layout_.carries.size(); ++i) text += cat("  now", i, " = next", i, ";\n");
    return text + "  toResults = !toResults;\n  }\n";
  }

  std::string results() const {
    std::string text;
    for (size_t i = 0; i < layout_.carries.size(); ++i) {
      text += cat("  for (i64 i = threadIdx.x; now", i, " != result", i, " && i < ", layout_.carries[i],
                  "; i += kThreads) result", i, "[i] = now", i, "[i];\n");
    }
    // Iterations that did not take place gave zeros.
    for (size_t i = 0; i < layout_.ys.size() && !layout_.partial; ++i) {
      const int64_t size = layout_.ys[i];
      text += cat("  for (i64 i = made * ", size, " + threadIdx.x; i < ", layout_.length * size,
                  "; i += kThreads) made", i, "[i] = 0;\n");
    }
    return text + cat("  if (threadIdx.x == 0) {\n    count0[0] = T(made / ", int64_t(kWholeHigh),
                      ");\n    count0[1] = T(made % ", int64_t(kWholeHigh), ");\n  }\n");
  }

  const Program<T>& program_;
  const LoopLayout& layout_;
  const CudaLimits& limits_;
  StepWriter<T> writer_;
  uint32_t pointers_ = 0;
  size_t shared_ = 0;
};

}  // namespace

template <class T>
CudaSource cudaLoopSource(const Program<T>& program, const LoopLayout& layout,
                          const std::string& name, const CudaLimits& limits) {
  return LoopWriter<T>(program, layout, limits).write(name);
}
template CudaSource cudaLoopSource(const Program<float>&, const LoopLayout&, const std::string&,
                                   const CudaLimits&);
template CudaSource cudaLoopSource(const Program<double>&, const LoopLayout&, const std::string&,
                                   const CudaLimits&);

}  // namespace torchopt
