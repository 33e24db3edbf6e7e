#include "step_text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace torchopt {

namespace {

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A constant, to the last bit.
std::string number(double x) {
  if (std::isnan(x)) return "T(__builtin_nan(\"\"))";
  if (std::isinf(x)) return x > 0 ? "T(__builtin_inf())" : "-T(__builtin_inf())";
  char text[64];
  std::snprintf(text, sizeof text, "T(%a)", x);
  return text;
}

// The axes of a view that is to be written contiguously, outermost first.
std::vector<Axis> axesOf(const ViewCopy& copy) {
  std::vector<std::pair<int64_t, Axis>> all;  // by stride in the output
  for (size_t d = 0; d < copy.from.size(); ++d) {
    if (copy.from[d].size > 1) all.push_back({copy.to[d].stride, copy.from[d]});
  }
  if (copy.transposes) all.push_back({copy.rowStride, {copy.rows, 1}});
  all.push_back({1, copy.inner});
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Axis> axes;
  for (const auto& entry : all) axes.push_back(entry.second);
  return axes;
}

}  // namespace

AddressText addressText(const std::vector<Axis>& axes, int64_t offset, const std::string& index,
                        bool wideIndex) {
  int64_t reach = offset, total = 1;
  for (const Axis& axis : axes) {
    reach += std::abs(axis.stride) * std::max<int64_t>(axis.size - 1, 0);
    total *= axis.size;
  }
  const bool wide = isWide(reach);
  const char* suffix = wideIndex ? "ull" : "u";
  std::string text = std::to_string(offset);
  int64_t inner = total;
  for (size_t d = 0; d < axes.size(); ++d) {
    const Axis& axis = axes[d];
    if (axis.size == 0) break;
    inner /= axis.size;
    if (axis.stride == 0 || axis.size == 1) continue;
    std::string at = index;
    if (inner > 1) at = cat(at, " / ", inner, suffix);
    if (d > 0 && inner * axis.size < total) at = cat(at, " % ", axis.size, suffix);
    text += cat(" + ", wide ? "i64" : "int", "(", at, ") * ", axis.stride);
    if (wide) text += "ll";
  }
  return {text, wide};
}

template <class T>
StepWriter<T>::StepWriter(const Program<T>& program, const CudaLimits& limits)
    : program_(program), limits_(limits), scratch_(0), memory_(0) {
  scratch_ = reserve(program.arena);
  scratch_ = memory_;
}

template <class T>
int64_t StepWriter<T>::reserve(int64_t elements) {
  constexpr int64_t line = 256 / sizeof(T);
  const int64_t at = memory_;
  memory_ += ceilDiv(elements, line) * line;
  return at;
}

template <class T>
std::string StepWriter<T>::name(uint32_t buffer, StepText& text) const {
  text.buffers.insert(buffer);
  return cat("b", buffer);
}

template <class T>
int64_t StepWriter<T>::work(const typename Program<T>::Step& step) const {
  if (const auto* elt = std::get_if<EltStep<T>>(&step)) {
    const size_t each = elt->instrs.size() + elt->inputs.size() + elt->rows.size();
    return elt->n + int64_t(double(elt->n) * double(each) / 8);
  }
  if (const auto* reduce = std::get_if<ReduceStep>(&step)) {
    return reduce->outputs + reduce->outputs * reduce->length;
  }
  const auto& product = std::get<MatmulStep>(step);
  return product.batch * product.m * product.n * (1 + product.k / 4);
}

template <class T>
std::vector<StepText> StepWriter<T>::kernels(const typename Program<T>::Step& step) {
  std::vector<StepText> before, after;
  StepText text;
  if (const auto* elt = std::get_if<EltStep<T>>(&step)) text = this->elt(*elt, &before);
  else if (const auto* reduce = std::get_if<ReduceStep>(&step)) text = this->reduce(*reduce, &after);
  else text = matmul(std::get<MatmulStep>(step), &after);
  if (!text.body.empty()) before.push_back(std::move(text));
  before.insert(before.end(), after.begin(), after.end());
  return before;
}

template <class T>
StepText StepWriter<T>::block(const typename Program<T>::Step& step) {
  if (const auto* elt = std::get_if<EltStep<T>>(&step)) return this->elt(*elt, nullptr);
  if (const auto* reduce = std::get_if<ReduceStep>(&step)) return this->reduce(*reduce, nullptr);
  return matmul(std::get<MatmulStep>(step), nullptr);
}

// ---- Loops over elements -----------------------------------------------------------------------

template <class T>
std::string StepWriter<T>::call(const EltInstr<T>& instr, const std::string& a, const std::string& b,
                                const std::string& c, bool byScalar) {
  if (instr.op == kEltCopy) return a;
  used_.insert(instr.op);
  const EltText text = eltText(instr.op);
  // Powers by a number of the program are products where the CPU's are.
  const bool power = instr.op == kEltPow && byScalar;
  powers_ = powers_ || power;
  std::string made = cat("elt", power ? "PowBy" : text.name, "(", a);
  if (text.operands > 1) made += ", " + b;
  if (text.operands > 2) made += ", " + c;
  return made + ")";
}

template <class T>
std::string StepWriter<T>::operations() const {
  std::string all;
  for (const int op : used_) {
    const EltText text = eltText(op);
    const char* parameters[] = {"V a", "V a, V b", "V a, V b, V c"};
    const char* plain = sizeof(T) == 4 ? text.floats : text.doubles;
    if (text.vectors != nullptr) {
      all += cat("TORCHOPT_INLINE V elt", text.name, "(", parameters[text.operands - 1],
                 ") { return ", text.vectors, "; }\n");
      continue;
    }
    const char* numbers[] = {"T a", "T a, T b"};
    const char* values[] = {"a.x", "a.x, b.x"};
    all += cat("TORCHOPT_INLINE T plain", text.name, "(", numbers[text.operands - 1], ") { return ",
               plain, "; }\nTORCHOPT_INLINE V elt", text.name, "(", parameters[text.operands - 1],
               ") { return plain", text.name, "(", values[text.operands - 1], "); }\n");
  }
  if (powers_) {
    all +=
        "TORCHOPT_INLINE V eltPowBy(V a, V b) {\n"
        "  return b.x == 2 ? a * a : b.x == 1 ? a : b.x == -1 ? 1 / a : eltPow(a, b);\n}\n";
  }
  return all;
}

// What is the same for all elements.
template <class T>
std::string StepWriter<T>::scalars(const EltStep<T>& step, StepText& text) {
  std::string lines;
  for (const auto& [index, value] : step.constants) {
    lines += cat("    const V s", index, " = ", number(double(value)), ";\n");
  }
  for (const EltScalar& load : step.scalars) {
    lines += cat("    const V s", load.scalar, " = ", name(load.buffer, text), "[", load.offset, "];\n");
  }
  for (const auto& x : step.scalarInstrs) {
    lines += cat("    const V s", x.out, " = ",
                 call(x, cat("s", x.a), cat("s", x.b), cat("s", x.c), false), ";\n");
  }
  return lines;
}

template <class T>
StepText StepWriter<T>::elt(const EltStep<T>& step, std::vector<StepText>* before) {
  StepText text;
  if (step.n == 0) return text;
  const bool wide = isWide(step.n);
  const auto slot = [&](uint32_t s) {
    if (s < step.outputSlot()) return cat("i", s);
    if (s < step.rowSlot()) return cat("o", s - step.outputSlot());
    if (s < step.tileSlot()) return cat("r", s - step.rowSlot());
    if (s < step.scalarSlot()) return cat("t", s - step.tileSlot());
    return cat("s", s - step.scalarSlot());
  };
  std::vector<const EltGather*> gathers(step.inputs.size(), nullptr);
  for (const EltGather& gather : step.gathers) gathers[gather.input] = &gather;
  std::string body, loads;
  for (size_t k = 0; k < step.inputs.size(); ++k) {
    const EltInput& input = step.inputs[k];
    std::string place;
    if (const EltGather* gather = gathers[k]) {
      if (before != nullptr && gather->copy.transposes && step.n >= limits_.transpose) {
        before->push_back(transpose(*gather));
        text.memory = true;
        place = cat("memory[", scratch_ + gather->scratch - program_.arena, " + i]");
      } else {
        place = cat(name(gather->buffer, text), "[",
                    addressText(axesOf(gather->copy), gather->offset, "i", wide).expression, "]");
      }
    } else {
      place = cat(name(input.buffer, text), "[i");
      if (input.offset != 0) place += cat(" + ", input.offset, wide ? "ull" : "u");
      place += "]";
    }
    loads += cat("      const V i", k, " = ", place, ";\n");
  }
  for (size_t k = 0; k < step.rows.size(); ++k) {
    const EltRow& row = step.rows[k];
    const std::string index = row.period < step.n
                                  ? cat("(i % ", row.period, wide ? "ull)" : "u)")
                                  : std::string("i");
    loads += cat("      const V r", k, " = ", name(row.buffer, text), "[",
                 addressText(row.axes, row.offset, index, wide).expression, "];\n");
  }
  for (uint32_t k = 0; k < step.tiles; ++k) loads += cat(k == 0 ? "      V t" : ", t", k);
  if (step.tiles > 0) loads += ";\n";
  for (size_t k = 0; k < step.outputs.size(); ++k) loads += cat(k == 0 ? "      V o" : ", o", k);
  if (!step.outputs.empty()) loads += ";\n";
  for (const auto& x : step.instrs) {
    body += cat("      ", slot(x.out), " = ",
                call(x, slot(x.a), slot(x.b), slot(x.c), x.b >= step.scalarSlot() && x.a < step.scalarSlot()),
                ";\n");
  }
  // Outputs may be the memory of inputs: all is read before.
  for (size_t k = 0; k < step.outputs.size(); ++k) {
    body += cat("      ", name(step.outputs[k].buffer, text), "[i] = o", k, ".x;\n");
  }
  const std::string limit = cat(step.n, wide ? "ull" : "u");
  text.body = cat("  if (first < ", limit, ") {\n", scalars(step, text), "    for (", indexType(wide),
                  " i = first; i < ", limit, "; i += all) {\n", loads, body, "    }\n  }\n");
  text.tasks = ceilDiv(step.n, limits_.threads);
  return text;
}

// Rearranges an operand into the working memory.
template <class T>
StepText StepWriter<T>::transpose(const EltGather& gather) {
  const ViewCopy& copy = gather.copy;
  const int64_t total = copy.blocks * copy.rows * copy.inner.size;
  const bool wide = isWide(total);
  const int64_t at = scratch_ + gather.scratch - program_.arena;
  memory_ = std::max(memory_, at + total);
  StepText text;
  text.memory = true;
  const auto functor = [&](const char* type, const std::vector<Axis>& axes) {
    return cat("    struct ", type, " {\n      __device__ __forceinline__ i64 operator()(",
               indexType(wide), " i) const { return ", addressText(axes, 0, "i", wide).expression,
               "; }\n    };\n");
  };
  text.body = cat("  {\n", functor("From", copy.from), functor("To", copy.to),
                  "    transposeStep<T, ", indexType(wide), ">(", name(gather.buffer, text), " + ",
                  gather.offset, ", memory + ", at, ", shared, From(), To(), ", copy.blocks, ", ",
                  copy.rows, ", ", copy.inner.size, ", ", copy.inner.stride, ", ", copy.rowStride,
                  ");\n  }\n");
  const int64_t tile = int64_t(std::sqrt(double(limits_.threads)));
  text.tasks = copy.blocks * ceilDiv(copy.rows, tile) * ceilDiv(copy.inner.size, tile);
  text.shared = size_t(tile * (tile + 1));
  return text;
}

// ---- Reductions --------------------------------------------------------------------------------

template <class T>
StepText StepWriter<T>::reduce(const ReduceStep& step, std::vector<StepText>* after) {
  StepText text;
  if (step.outputs == 0) return text;
  const bool wide = isWide(2 * step.outputs) || isWide(step.length);
  const std::string source = name(step.in, text);
  std::vector<Axis> axes = step.kept;
  axes.insert(axes.end(), step.reduced.begin(), step.reduced.end());
  const char* sum = addressText(axes, step.offset, "o", wide).wide ? "i64" : "int";
  const char* index = indexType(wide);
  Reading reading;
  reading.functor =
      cat("    struct Read {\n      const T* p;\n      __device__ __forceinline__ T operator()(", index,
          " o, ", index, " j) const {\n        return p[", sum, "(",
          addressText(step.kept, step.offset, "o", wide).expression, ") + ",
          addressText(step.reduced, 0, "j", wide).expression, "];\n      }\n    };\n");
  reading.making = cat("Read{", source, "}");
  reading.columns = step.columns;
  reading.wide = wide;
  StepText made = reduction(reading, step.kind, step.out, step.outputs, step.length, after);
  made.buffers.insert(text.buffers.begin(), text.buffers.end());
  return made;
}

template <class T>
StepText StepWriter<T>::reduction(const Reading& reading, ReduceKind kind, uint32_t out,
                                  int64_t outputs, int64_t length, std::vector<StepText>* after) {
  const int64_t threads = limits_.threads;
  const int64_t row = std::min<int64_t>(32, threads);
  // Columns: enough neighbours for whole transactions of memory.
  const int64_t across = std::min<int64_t>(32, threads / 4);
  const int64_t lanes = reading.columns ? (length <= 32 || outputs >= 65536 ? 1 : threads / across)
                        : length <= 8   ? 1
                        : length <= 256 ? row
                                        : threads;
  const int64_t strips = ceilDiv(outputs, threads / lanes);
  int64_t groups = 1, perGroup = std::max<int64_t>(length, 1);
  if (after != nullptr && length * (threads / lanes) > limits_.share && strips < limits_.groups) {
    perGroup = std::max(ceilDiv(limits_.share, threads / lanes), ceilDiv(length * strips, limits_.groups));
    groups = ceilDiv(length, perGroup);
  }
  const bool wide = reading.wide || isWide(2 * outputs * groups);
  StepText text;
  text.shared = lanes > 1 ? size_t(2 * threads) : 0;
  text.tasks = strips * groups;
  const std::string kindText = cat("ReduceKind(", int(kind), ")");
  const std::string to = name(out, text);
  text.body = cat("  {\n", reading.functor, "    reduceStep<", kindText, ", ", lanes, ", ",
                  reading.columns ? "true" : "false", ", T, ", indexType(wide), ">(", reading.making,
                  ", ", to, ", memory + ", scratch_, ", shared, ", outputs, ", ", length, ", ", groups,
                  ", ", perGroup, ");\n  }\n");
  text.memory = true;
  if (groups == 1) return text;
  memory_ = std::max(memory_, scratch_ + 2 * groups * outputs);
  StepText join;
  const int64_t joiners = std::min(row, threads);
  join.memory = true;
  join.shared = size_t(2 * threads);
  join.tasks = ceilDiv(outputs, threads / joiners);
  join.body = cat("  joinGroups<", kindText, ", ", joiners, ", T, ", indexType(wide), ">(memory + ",
                  scratch_, ", ", name(out, join), ", shared, ", outputs, ", ", groups, ");\n");
  after->push_back(std::move(join));
  return text;
}

// ---- Products ----------------------------------------------------------------------------------

template <class T>
StepText StepWriter<T>::matmul(const MatmulStep& step, std::vector<StepText>* after) {
  StepText text;
  const int64_t outputs = step.batch * step.m * step.n;
  if (outputs == 0) return text;
  const auto factor = [&](uint32_t buffer, int64_t offset, int64_t batchStride, int64_t row,
                          int64_t column, int64_t rows, int64_t columns, const char* i,
                          const char* j) {
    const std::vector<Axis> axes = {{step.batch, batchStride}, {rows, row}, {columns, column}};
    const bool wide = addressText(axes, offset, "i", true).wide;
    const char* type = wide ? "i64" : "int";
    return cat(name(buffer, text), "[", offset, " + ", type, "(s) * ", batchStride, wide ? "ll + " : " + ",
               type, "(", i, ") * ", row, wide ? "ll + " : " + ", type, "(", j, ") * ", column, "]");
  };
  const int64_t aRow = step.transA ? 1 : step.k, aColumn = step.transA ? step.m : 1;
  const int64_t bRow = step.transB ? 1 : step.n, bColumn = step.transB ? step.k : 1;
  const std::string a =
      factor(step.a, step.aOffset, step.aBatchStride, aRow, aColumn, step.m, step.k, "i", "l");
  const std::string b =
      factor(step.b, step.bOffset, step.bBatchStride, bRow, bColumn, step.k, step.n, "l", "j");
  const bool wide = isWide(outputs) || isWide(step.k);
  const char* index = indexType(wide);
  const std::string ba = cat("b", step.a), bb = cat("b", step.b);
  if (step.k >= limits_.dot && outputs <= 2 * limits_.dot) {
    // Few long sums: those of a reduction.
    Reading reading;
    const std::string names = ba == bb ? cat("      const T* ", ba, ";\n")
                                       : cat("      const T* ", ba, ";\n      const T* ", bb, ";\n");
    reading.functor = cat("    struct Read {\n", names, "      __device__ __forceinline__ T operator()(",
                          index, " o, ", index, " l) const {\n        const ", index, " s = o / ",
                          step.m * step.n, ", i = o / ", step.n, " % ", step.m, ", j = o % ", step.n,
                          ";\n        return ", a, " * ", b, ";\n      }\n    };\n");
    reading.making = ba == bb ? cat("Read{", ba, "}") : cat("Read{", ba, ", ", bb, "}");
    // Along l, neighbours of the larger factor are neighbours in memory, unless both go across.
    reading.columns = step.m * step.n > 1 && (step.n >= step.m ? !step.transB : step.transA);
    reading.wide = wide;
    StepText made = reduction(reading, ReduceKind::kSum, step.out, outputs, step.k, after);
    made.buffers.insert(text.buffers.begin(), text.buffers.end());
    return made;
  }
  const int64_t tile = int64_t(std::sqrt(double(limits_.threads)));
  const int64_t wideTiles = step.batch * ceilDiv(step.m, 2 * tile) * ceilDiv(step.n, 2 * tile);
  const bool big = step.m >= 2 * tile && step.n >= 2 * tile && wideTiles >= limits_.tiles;
  const int64_t side = big ? 2 * tile : tile;
  const auto functor = [&](const char* type, uint32_t buffer, const char* row, const char* column,
                           const std::string& read) {
    return cat("    struct ", type, " {\n      const T* b", buffer,
               ";\n      __device__ __forceinline__ T operator()(", index, " s, ", index, " ", row, ", ",
               index, " ", column, ") const { return ", read, "; }\n    };\n");
  };
  const std::string to = name(step.out, text);
  text.body = cat("  {\n", functor("Left", step.a, "i", "l", a), functor("Right", step.b, "l", "j", b),
                  "    productStep<", big ? 2 : 1, ", ", step.transA ? "true" : "false", ", ",
                  step.transB ? "false" : "true", ", T, ", index, ">(Left{", ba, "}, Right{", bb, "}, ",
                  to, ", shared, ", step.batch, ", ", step.m, ", ", step.n, ", ", step.k, ");\n  }\n");
  text.tasks = step.batch * ceilDiv(step.m, side) * ceilDiv(step.n, side);
  text.shared = size_t(2 * tile * (side + 1));
  return text;
}

template class StepWriter<float>;
template class StepWriter<double>;

}  // namespace torchopt
