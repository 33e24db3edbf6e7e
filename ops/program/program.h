// A decoded program: everything that a run needs, worked out once from the op's attributes.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "kernels.h"

namespace torchopt {

// A program that breaks the format.
struct ProgramError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One axis of a strided view.
struct Axis {
  int64_t size;
  int64_t stride;
};

// ---- Step ELT ----------------------------------------------------------------------------------
// Operands live in slots. A slot is a pointer: into memory (it moves with the tile), to a tile
// register, or to a scalar. Slots are numbered in that order: memory, outputs, rows, tiles,
// scalars.

template <class T>
struct EltInstr {
  EltFn<T> fn;
  uint32_t out, a, b, c;
  int32_t op;
};

// A buffer read in place.
struct EltInput {
  uint32_t buffer;
  int64_t offset;
};

// A buffer that one instruction writes. It writes straight to memory, unless that memory is one
// that a later instruction still reads (in-place runs): then to the tile `spill`, copied at the
// tile's end.
struct EltOutput {
  uint32_t buffer;
  int32_t spill;
  std::vector<uint32_t> readLater;  // inputs
};

// A strided view whose innermost axis is contiguous or repeats one element: rows are copied or
// filled into a tile. If the view repeats every `period` elements, the tile can serve for all
// tiles.
struct EltRow {
  uint32_t buffer;
  int64_t offset;
  std::vector<Axis> axes;
  int64_t period;
  bool once;
  uint32_t tile;
};

// How to write a strided view contiguously. Where some axis has stride 1, that is a transposition
// of it and the innermost axis, repeated over the rest; otherwise rows of single elements.
struct ViewCopy {
  Axis inner;
  bool transposes = false;
  int64_t rows = 1, rowStride = 0;  // the axis of stride 1: its size, and its stride in the output
  int64_t blocks = 1;
  std::vector<Axis> from,
      to;  // the remaining axes, in the view and in the output; a dummy axis last
};

// Any other strided view: rearranged into the scratch memory before the loop.
struct EltGather {
  uint32_t buffer;
  int64_t offset;
  ViewCopy copy;
  int64_t scratch;  // in elements of the context's memory
  uint32_t input;   // the memory slot that reads it
};

struct EltScalar {
  uint32_t buffer;
  int64_t offset;
  uint32_t scalar;
};

template <class T>
struct EltStep {
  int64_t n = 0;
  int64_t tile = 0;
  int64_t chunk = 0;      // elements per parallel task; 0: not worth threads
  bool prefetch = false;  // more memory than the caches hold
  int64_t segment = 0;    // tiles do not cross multiples of it
  std::vector<EltInput> inputs;
  std::vector<EltOutput> outputs;
  std::vector<EltRow> rows;
  std::vector<EltGather> gathers;
  std::vector<EltScalar> scalars;
  std::vector<std::pair<uint32_t, T>> constants;
  std::vector<EltInstr<T>> scalarInstrs, instrs;
  uint32_t tiles = 0, scalarCount = 0;
  int64_t scalarBase = 0;  // this step's scalars in the context
  uint32_t outputSlot() const { return uint32_t(inputs.size()); }
  uint32_t rowSlot() const { return outputSlot() + uint32_t(outputs.size()); }
  uint32_t tileSlot() const { return rowSlot() + uint32_t(rows.size()); }
  uint32_t scalarSlot() const { return tileSlot() + tiles; }
  uint32_t slots() const { return scalarSlot() + scalarCount; }
};

// ---- Other steps -------------------------------------------------------------------------------

struct ReduceStep {
  ReduceKind kind;
  uint32_t in, out;
  int64_t offset;
  std::vector<Axis> kept, reduced;  // merged where possible, innermost last
  int64_t outputs = 1, length = 1;  // products of the sizes
  bool columns = false;             // the last kept axis is contiguous: reduce whole rows at a time
  // The reduced elements of an output are taken in segments (parts of the innermost axis); groups
  // of segments make one partial result each, and these are joined in order. None of that depends
  // on the number of threads, so neither does the result.
  int64_t segment = 0, segmentsPerAxis = 0, segments = 0;
  int64_t segmentsPerGroup = 1, groups = 1;
  int64_t scratch =
      -1;  // pairs (value, rest) of the groups in the context's memory; -1: none needed
  bool parallel = false;
};

struct MatmulStep {
  uint32_t a, b, out;
  int64_t aOffset, bOffset, batch, aBatchStride, bBatchStride;
  int64_t m, n, k;
  bool transA, transB;
  int64_t rowsPerTask;   // 0: not worth threads
  int64_t itemsPerTask;  // of the batch, where the rows of an item are not shared out
};

// ---- Program -----------------------------------------------------------------------------------

template <class T>
struct Program {
  using Step = std::variant<EltStep<T>, ReduceStep, MatmulStep>;
  size_t inputs = 0, outputs = 0;
  std::vector<std::vector<int64_t>> outputShapes;
  std::vector<int64_t> inputSizes;    // least number of elements each input must have
  std::vector<int64_t> arenaOffsets;  // in elements
  std::vector<Step> steps;
  int64_t arena = 0;  // elements of the arena, followed by scratch up to `memory`
  int64_t memory = 0;
  int64_t scalars = 0;
  const Kernels<T>* kernels = nullptr;
};

// Checks and decodes the attributes of the op. Throws ProgramError.
template <class T>
Program<T> decodeProgram(const int64_t* code, size_t codeLength, const int64_t* consts,
                         size_t constCount);

}  // namespace torchopt
