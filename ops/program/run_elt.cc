// The ELT step: tile by tile, one vectorised loop per instruction.

#include <algorithm>
#include <cstring>

#include "interpreter.h"

namespace torchopt {

namespace {

// Tiles up to this size live on the stack.
constexpr size_t kStackBytes = 1 << 16;
// Bytes of a line of the caches: vectors that cross none are faster.
constexpr size_t kLine = 64;

// Fetches the memory of the next tile, a share after each instruction of this one. Without it every
// tile would start by waiting for memory: the hardware does not look that far ahead in so many
// streams.
template <class T>
class Prefetcher {
 public:
  Prefetcher(const EltStep<T>& step, T** slots, const T** streams) : streams_(streams) {
    if (!step.prefetch) return;
    const uint32_t inputs = step.outputSlot(), slotCount = step.rowSlot();
    for (uint32_t i = 0; i < slotCount; ++i) {
      bool known = false;
      for (size_t j = 0; j < count_ && i >= inputs; ++j) known = known || streams[j] == slots[i];
      if (!known) streams[count_++] = slots[i];
    }
    share_ = (count_ * size_t(step.tile) * sizeof(T) / kLine + step.instrs.size() - 1) /
             step.instrs.size();
  }
  // Goes to the tile after [.., +elements).
  void next(int64_t elements) {
    for (size_t i = 0; i < count_; ++i) streams_[i] += elements;
    stream_ = 0;
    at_ = 0;
    bytes_ = size_t(elements) * sizeof(T);
  }
  void share() {
    if (count_ == 0) return;
    for (size_t i = 0; i < share_ && stream_ < count_; ++i) {
      __builtin_prefetch(reinterpret_cast<const char*>(streams_[stream_]) + at_, 0, 2);
      at_ += kLine;
      if (at_ >= bytes_) at_ = 0, ++stream_;
    }
  }

 private:
  const T** streams_;
  size_t count_ = 0, share_ = 0, stream_ = 0, at_ = 0, bytes_ = 0;
};

// Elements to take off the first tile so that the others begin with a line: large blocks of memory begin
// equally far from one, all of them. Rows that are filled in once fit tiles of even length only.
template <class T>
int64_t offLine(const EltStep<T>& step, const T* out, int64_t elements) {
  const size_t off = reinterpret_cast<uintptr_t>(out) % kLine;
  if (off % sizeof(T) != 0 || size_t(step.tile) * sizeof(T) % kLine != 0 || elements <= step.tile) {
    return 0;
  }
  for (const auto& row : step.rows) {
    if (row.once) return 0;
  }
  return int64_t(off / sizeof(T));
}

template <class T>
void runTiles(const Kernels<T>& kernels, const EltStep<T>& step, const Context<T>& context,
              int64_t begin, int64_t end, char* memory, T** slots, T** moving, const T** streams) {
  const int64_t stride = (step.tile + 63) / 64 * 64;
  T* tiles = reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(memory) + 63) & ~uintptr_t(63));
  T** slot = slots;
  for (const auto& input : step.inputs)
    *slot++ = context.buffers[input.buffer] + input.offset + begin;
  for (const auto& gather : step.gathers)
    slots[gather.input] = context.scratch(gather.scratch) + begin;
  // Outputs that move with the tile, and those that are copied at its end.
  for (size_t i = 0; i < step.outputs.size(); ++i) {
    moving[i] = context.buffers[step.outputs[i].buffer] + begin;
    *slot++ = context.direct[i] ? moving[i] : tiles + step.outputs[i].spill * stride;
  }
  for (const auto& row : step.rows) {
    T* tile = tiles + row.tile * stride;
    if (row.once)
      copyRows<T>(kernels, context.buffers[row.buffer] + row.offset, row.axes, 0, row.period, tile);
    // The period was filled in once; the rest of the tile repeats it.
    for (int64_t at = row.period; row.once && at < step.tile; at += row.period) {
      std::memcpy(tile + at, tile, size_t(std::min(row.period, step.tile - at)) * sizeof(T));
    }
    *slot++ = tile;
  }
  for (uint32_t i = 0; i < step.tiles; ++i) *slot++ = tiles + i * stride;
  T* scalars = const_cast<T*>(context.scalars.data()) + step.scalarBase;
  for (uint32_t i = 0; i < step.scalarCount; ++i) *slot++ = scalars + i;

  Prefetcher<T> prefetcher(step, slots, streams);
  T** const rowSlots = slots + step.rowSlot();
  int64_t length = step.tile - (step.outputs.empty() ? 0 : offLine(step, moving[0], end - begin));
  for (int64_t at = begin; at < end;) {
    int64_t count = std::min(length, end - at);
    length = step.tile;
    if (step.segment != 0) count = std::min(count, step.segment - at % step.segment);
    for (size_t i = 0; i < step.rows.size(); ++i) {
      const EltRow& row = step.rows[i];
      if (row.once) continue;
      T* source = context.buffers[row.buffer] + row.offset;
      const Axis& inner = row.axes.back();
      const int64_t start = at % row.period;
      if (inner.stride == 1 && start % inner.size + count <= inner.size) {
        // Within one row: read it where it is.
        int64_t rest = start / inner.size, address = start % inner.size;
        for (size_t d = row.axes.size() - 1; d-- > 0; rest /= row.axes[d].size) {
          address += rest % row.axes[d].size * row.axes[d].stride;
        }
        rowSlots[i] = source + address;
        continue;
      }
      rowSlots[i] = tiles + row.tile * stride;
      for (int64_t done = 0; done < count;) {
        const int64_t from = (start + done) % row.period;
        const int64_t part = std::min(count - done, row.period - from);
        copyRows<T>(kernels, source, row.axes, from, part, rowSlots[i] + done);
        done += part;
      }
    }
    prefetcher.next(count);
    for (const auto& x : step.instrs) {
      x.fn(slots[x.out], slots[x.a], slots[x.b], slots[x.c], size_t(count));
      prefetcher.share();
    }
    at += count;
    for (size_t i = 0; i < step.inputs.size(); ++i) slots[i] += count;
    T** outputs = slots + step.outputSlot();
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      if (context.direct[i]) {
        outputs[i] += count;
      } else {
        std::memcpy(moving[i], outputs[i], size_t(count) * sizeof(T));
        moving[i] += count;
      }
    }
  }
}

template <class T>
void runRange(const Kernels<T>& kernels, const EltStep<T>& step, const Context<T>& context,
              int64_t begin, int64_t end) {
  const size_t bytes = size_t(step.tiles) * size_t((step.tile + 63) / 64 * 64) * sizeof(T) + 64;
  const size_t moving = step.slots(), streams = moving + step.outputs.size();
  const size_t pointers = (streams + step.rowSlot()) * sizeof(T*);
  if (bytes + pointers <= kStackBytes) {
    char* memory = static_cast<char*>(__builtin_alloca(bytes));
    T** slots = static_cast<T**>(__builtin_alloca(pointers));
    runTiles(kernels, step, context, begin, end, memory, slots, slots + moving,
             const_cast<const T**>(slots + streams));
  } else {
    const AlignedMemory memory(bytes + pointers);
    char* tiles = static_cast<char*>(memory.data());
    T** slots = reinterpret_cast<T**>(tiles + bytes);
    runTiles(kernels, step, context, begin, end, tiles, slots, slots + moving,
             const_cast<const T**>(slots + streams));
  }
}

}  // namespace

template <class T>
void runElt(const Program<T>& program, const EltStep<T>& step, Context<T>& context,
            const Parallel& parallel) {
  if (step.n == 0) return;
  for (const auto& gather : step.gathers) {
    copyView(*program.kernels, context.buffers[gather.buffer] + gather.offset, gather.copy,
             context.scratch(gather.scratch), parallel);
  }
  T* scalars = context.scalars.data() + step.scalarBase;
  for (const auto& load : step.scalars)
    scalars[load.scalar] = context.buffers[load.buffer][load.offset];
  for (const auto& x : step.scalarInstrs)
    x.fn(scalars + x.out, scalars + x.a, scalars + x.b, scalars + x.c, 1);
  for (size_t i = 0; i < step.outputs.size(); ++i) {
    const EltOutput& output = step.outputs[i];
    const T* out = context.buffers[output.buffer];
    bool direct = true;
    for (const uint32_t later : output.readLater) {
      const T* in = context.buffers[step.inputs[later].buffer] + step.inputs[later].offset;
      direct = direct && (in + step.n <= out || out + step.n <= in);
    }
    context.direct[i] = direct;
  }
  if (step.chunk == 0 || !parallel.threaded()) return runRange(*program.kernels, step, context, 0, step.n);
  const auto chunk = [&](size_t i) {
    const int64_t begin = int64_t(i) * step.chunk;
    runRange(*program.kernels, step, context, begin, std::min(begin + step.chunk, step.n));
  };
  parallel(size_t((step.n + step.chunk - 1) / step.chunk), chunk);
}

template void runElt(const Program<float>&, const EltStep<float>&, Context<float>&,
                     const Parallel&);
template void runElt(const Program<double>&, const EltStep<double>&, Context<double>&,
                     const Parallel&);

}  // namespace torchopt
