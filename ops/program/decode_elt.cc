// Decoder of ELT. Values get slots here: memory is read and written in place where possible,
// scalars are worked out once ahead of the loop, and the rest shares as few tile registers as
// possible.

#include <algorithm>

#include "decoder.h"

namespace torchopt {

namespace {

constexpr int64_t kMaxRegisters = 1 << 16;
// Bytes that the registers and the memory of one tile may take: they stay in the L1 cache.
constexpr int64_t kTileBytes = 24576;
constexpr int64_t kMinTile = 64, kMaxTile = 1024;
// Memory and instructions from which tiles are prefetched: with less, it costs more than it brings.
constexpr int64_t kPrefetchBytes = 1 << 24;
constexpr size_t kPrefetchInstructions = 6;
// Rows at least this long are read in place, by tiles that end where the row ends.
constexpr int64_t kLongRow = 512;
// Element operations that make it worth waking other threads, and elements per task.
constexpr int64_t kParallelWork = 1 << 18;
constexpr int64_t kParallelChunk = 1 << 15;

// Loads come before the first instruction.
constexpr int kBeforeAll = -1;

enum class Home { kScalar, kInput, kRow, kTile, kOutput };

struct Value {
  Home home;
  uint32_t index;  // within the slots of its home
  int lastUse = kBeforeAll;
};

// An instruction on values, before slots are known.
struct Draft {
  int op;
  int out, operands[3];
};

// Hands out tile registers; a freed one is used again.
class TilePool {
 public:
  uint32_t take() {
    if (free_.empty()) return count_++;
    const uint32_t tile = free_.back();
    free_.pop_back();
    return tile;
  }
  void give(uint32_t tile) { free_.push_back(tile); }
  uint32_t count() const { return count_; }

 private:
  std::vector<uint32_t> free_;
  uint32_t count_ = 0;
};

template <class T>
class EltDecoder {
 public:
  EltDecoder(const Decoder<T>& decoder, CodeReader in) : decoder_(decoder), in_(in) {}

  EltStep<T> decode() {
    step_.n = in_.next("a loop's size", 0, kMaxElements);
    registers_.assign(size_t(in_.next("a number of registers", 0, kMaxRegisters)), -1);
    const size_t loads = in_.count("a number of loads", 3);
    for (size_t i = 0; i < loads; ++i) readLoad();
    const size_t instructions = in_.count("a number of instructions", 5);
    for (size_t i = 0; i < instructions; ++i) readInstruction();
    const size_t stores = in_.count("a number of stores", 2);
    for (size_t i = 0; i < stores; ++i) readStore();
    in_.finish("a loop");
    findUses();
    placeOutputs();
    placeTiles();
    chooseTile();
    emit();
    return std::move(step_);
  }

 private:
  int64_t registerIndex() { return in_.next("a register", 0, int64_t(registers_.size()) - 1); }
  int add(Home home, size_t index) {
    values_.push_back({home, uint32_t(index)});
    return int(values_.size()) - 1;
  }
  int addScalar() { return add(Home::kScalar, step_.scalarCount++); }
  int addInput(uint32_t buffer, int64_t offset) {
    step_.inputs.push_back({buffer, offset});
    return add(Home::kInput, step_.inputs.size() - 1);
  }

  void readLoad() {
    const int64_t mode = in_.next("a load mode", 0, 3);
    int& target = registers_[size_t(registerIndex())];
    if (mode == 3) {
      target = addScalar();
      step_.constants.push_back({step_.scalarCount - 1, decoder_.constant(in_.next())});
      return;
    }
    const uint32_t buffer = decoder_.buffer(in_, "a load's buffer");
    if (mode == 0) {
      decoder_.reads(buffer, 0, step_.n);
      target = addInput(buffer, 0);
      return;
    }
    const int64_t offset = in_.next("an offset", 0, kMaxElements);
    target = mode == 1 ? loadScalar(buffer, offset) : loadView(buffer, offset);
  }

  int loadScalar(uint32_t buffer, int64_t offset) {
    decoder_.reads(buffer, offset, offset + 1);
    const int value = addScalar();
    step_.scalars.push_back({buffer, offset, step_.scalarCount - 1});
    return value;
  }

  int loadView(uint32_t buffer, int64_t offset) {
    const size_t rank = size_t(in_.next("a rank", 0, kMaxRank));
    std::vector<int64_t> dims(rank);
    std::vector<Axis> axes(rank);
    for (size_t i = 0; i < rank; ++i) axes[i].size = dims[i] = in_.next();
    for (auto& axis : axes) axis.stride = in_.next();
    if (checkedProduct(dims) != step_.n)
      throw ProgramError("Program: a view's size differs from its loop's");
    decoder_.readsView(buffer, offset, axes);
    axes = mergeAxes(axes);
    const bool still =
        std::all_of(axes.begin(), axes.end(), [](const Axis& a) { return a.stride == 0; });
    if (step_.n == 0) return addInput(buffer, 0);
    if (still) return loadScalar(buffer, offset);
    if (axes.size() == 1 && axes[0].stride == 1) return addInput(buffer, offset);
    const int64_t inner = axes.back().stride;
    if (inner != 0 && inner != 1) {
      const int value = addInput(0, 0);
      step_.gathers.push_back({buffer, offset, planViewCopy(axes), decoder_.scratch(step_.n),
                               uint32_t(step_.inputs.size() - 1)});
      return value;
    }
    const bool repeats = axes[0].stride == 0;
    const int64_t period = repeats ? step_.n / axes[0].size : step_.n;
    if (repeats) axes.erase(axes.begin());
    step_.rows.push_back({buffer, offset, axes, period, false, 0});
    return add(Home::kRow, step_.rows.size() - 1);
  }

  void readInstruction() {
    const int op = int(in_.next("an opcode", 0, 255));
    const int arity = eltArity(op);
    if (arity == 0) throw ProgramError("Program: opcode " + std::to_string(op) + " does not exist");
    const int64_t target = registerIndex();
    int operands[3];
    bool scalar = true;
    for (int i = 0; i < 3; ++i) {
      const int64_t r = in_.next();
      if (i >= arity) {
        operands[i] = operands[0];
        continue;
      }
      if (r < 0 || r >= int64_t(registers_.size()) || registers_[size_t(r)] < 0) {
        throw ProgramError("Program: register " + std::to_string(r) + " is read before it is set");
      }
      operands[i] = registers_[size_t(r)];
      scalar = scalar && values_[size_t(operands[i])].home == Home::kScalar;
    }
    int& result = registers_[size_t(target)];
    if (op == kEltCopy) {
      result = operands[0];
      return;
    }
    result = scalar ? addScalar() : add(Home::kTile, 0);
    (scalar ? scalarDrafts_ : drafts_)
        .push_back({op, result, {operands[0], operands[1], operands[2]}});
  }

  void readStore() {
    const uint32_t buffer = decoder_.buffer(in_, "a store's buffer");
    decoder_.writes(buffer, step_.n);
    const int value = registers_[size_t(registerIndex())];
    if (value < 0) throw ProgramError("Program: a store of a register that is never set");
    stores_.push_back({buffer, value});
  }

  void use(int value, int at) {
    int& last = values_[size_t(value)].lastUse;
    last = std::max(last, at);
  }

  // The value of a store's first instruction is written in place; anything else is copied at the
  // end.
  void findUses() {
    for (const auto& [buffer, value] : stores_) {
      Value& v = values_[size_t(value)];
      int stored = value;
      if (v.home == Home::kTile) {
        v.home = Home::kOutput;
        v.index = uint32_t(step_.outputs.size());
      } else {
        stored = add(Home::kOutput, step_.outputs.size());
        drafts_.push_back({kEltCopy, stored, {value, value, value}});
      }
      step_.outputs.push_back({buffer, -1, {}});
    }
    for (size_t i = 0; i < drafts_.size(); ++i) {
      for (const int operand : drafts_[i].operands) use(operand, int(i));
    }
  }

  // Notes which inputs are read after each output was written.
  void placeOutputs() {
    for (size_t i = 0; i < drafts_.size(); ++i) {
      const Value& out = values_[size_t(drafts_[i].out)];
      if (out.home != Home::kOutput) continue;
      for (const Value& v : values_) {
        if (v.home == Home::kInput && v.lastUse > int(i)) {
          step_.outputs[out.index].readLater.push_back(v.index);
        }
      }
    }
  }

  void placeTiles() {
    TilePool pool;
    // Rows that are filled once keep their tile, and so does what may have to be copied at the end.
    for (auto& row : step_.rows) row.tile = pool.take();
    for (size_t i = 0; i < drafts_.size(); ++i) {
      for (size_t j = 0; j < 3; ++j) {
        const Value& v = values_[size_t(drafts_[i].operands[j])];
        const bool seen = (j > 0 && drafts_[i].operands[j] == drafts_[i].operands[0]) ||
                          (j > 1 && drafts_[i].operands[j] == drafts_[i].operands[1]);
        if (v.home == Home::kTile && v.lastUse == int(i) && !seen) pool.give(v.index);
      }
      Value& out = values_[size_t(drafts_[i].out)];
      if (out.home == Home::kTile) {
        out.index = pool.take();
        if (out.lastUse < int(i)) pool.give(out.index);
      } else if (out.home == Home::kOutput && !step_.outputs[out.index].readLater.empty()) {
        step_.outputs[out.index].spill = int32_t(pool.take());
      }
    }
    step_.tiles = pool.count();
  }

  void chooseTile() {
    const int64_t live = int64_t(step_.tiles + step_.inputs.size() + step_.outputs.size());
    int64_t tile = kTileBytes / int64_t(sizeof(T)) / std::max<int64_t>(live, 1);
    tile = std::max(kMinTile, std::min(kMaxTile, tile / kMinTile * kMinTile));
    for (auto& row : step_.rows) {
      const Axis& inner = row.axes.back();
      if (inner.stride == 1 && inner.size >= kLongRow && step_.segment == 0)
        step_.segment = inner.size;
    }
    for (auto& row : step_.rows) {
      if (step_.segment != 0 || row.period > tile) continue;
      if (tile % row.period != 0) {
        // Whole periods, as long as the rows already in step stay so.
        const bool alone = std::none_of(step_.rows.begin(), step_.rows.end(),
                                        [](const EltRow& r) { return r.once; });
        if (!alone) continue;
        tile = tile / row.period * row.period;
      }
      row.once = true;
    }
    step_.tile = std::min(tile, std::max<int64_t>(step_.n, 1));
    const int64_t streams = int64_t(step_.inputs.size() + step_.outputs.size());
    step_.prefetch = streams * step_.n * int64_t(sizeof(T)) > kPrefetchBytes &&
                     drafts_.size() >= kPrefetchInstructions;
    const int64_t work =
        step_.n * int64_t(drafts_.size() + step_.inputs.size() + step_.rows.size());
    if (work >= kParallelWork && step_.n > kParallelChunk / 2) {
      const int64_t unit = step_.segment != 0 ? step_.segment : step_.tile;
      step_.chunk = std::max<int64_t>(1, kParallelChunk / unit) * unit;
    }
  }

  uint32_t slot(int value) const {
    const Value& v = values_[size_t(value)];
    switch (v.home) {
      case Home::kInput:
        return v.index;
      case Home::kOutput:
        return step_.outputSlot() + v.index;
      case Home::kRow:
        return step_.rowSlot() + v.index;
      case Home::kTile:
        return step_.tileSlot() + v.index;
      default:
        return step_.scalarSlot() + v.index;
    }
  }

  EltInstr<T> instruction(const Draft& draft, bool scalar) const {
    unsigned mask = 0;
    for (int i = 0; i < 3 && !scalar; ++i) {
      if (values_[size_t(draft.operands[i])].home == Home::kScalar) mask |= 1u << i;
    }
    const int* operands = draft.operands;
    return {decoder_.program.kernels->elementwise(draft.op, mask), slot(draft.out),
            slot(operands[0]), slot(operands[1]), slot(operands[2]), draft.op};
  }

  void emit() {
    for (const Draft& draft : scalarDrafts_) {
      EltInstr<T> x = instruction(draft, true);
      const uint32_t first = step_.scalarSlot();
      step_.scalarInstrs.push_back(
          {x.fn, x.out - first, x.a - first, x.b - first, x.c - first, x.op});
    }
    for (const Draft& draft : drafts_) step_.instrs.push_back(instruction(draft, false));
    step_.scalarBase = decoder_.program.scalars;
    decoder_.program.scalars += step_.scalarCount;
  }

  const Decoder<T>& decoder_;
  CodeReader in_;
  EltStep<T> step_;
  std::vector<int> registers_;  // the value each register holds now, or -1
  std::vector<Value> values_;
  std::vector<Draft> scalarDrafts_, drafts_;
  std::vector<std::pair<uint32_t, int>> stores_;
};

}  // namespace

template <class T>
EltStep<T> Decoder<T>::elt(CodeReader in) const {
  return EltDecoder<T>(*this, in).decode();
}
template EltStep<float> Decoder<float>::elt(CodeReader) const;
template EltStep<double> Decoder<double>::elt(CodeReader) const;

}  // namespace torchopt
