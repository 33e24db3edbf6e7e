// Parts of matrices, and the products that the factorizations are made of.
#pragma once

#include <algorithm>
#include <memory>

#include "../common/parallel.h"
#include "../program/kernels.h"
#include "../program/memory_pool.h"
#include "kernels.h"

namespace torchopt {

// Memory of the calling thread that lasts: `Use` tells apart what is in use at the same time.
template <class T, int Use>
T* scratchMemory(size_t elements) {
  thread_local std::unique_ptr<AlignedMemory> memory;
  thread_local size_t size = 0;
  if (memory == nullptr || elements > size) {
    memory = std::make_unique<AlignedMemory>(std::max<size_t>(elements, 1) * sizeof(T));
    size = elements;
  }
  return static_cast<T*>(memory->data());
}

// About half of `n` > kPanelColumns columns, in whole panels.
inline size_t halfOf(size_t n) {
  return (n / 2 + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
}

// A part of a matrix whose rows lie `pitch` elements apart.
template <class T>
struct Block {
  T* data;
  ptrdiff_t pitch;
  size_t m, n;

  T* row(size_t i) const { return data + ptrdiff_t(i) * pitch; }
  Block part(size_t i, size_t rows, size_t j, size_t columns) const {
    return {row(i) + j, pitch, rows, columns};
  }
  Block columns(size_t j, size_t count) const { return part(0, m, j, count); }
};

// An operand of a product: element [i][k] is data[i * row + k * column]; one of the two is 1.
template <class T>
struct Operand {
  const T* data;
  ptrdiff_t row, column;

  Operand(const Block<T>& block) : data(block.data), row(block.pitch), column(1) {}
  Operand(const T* data, ptrdiff_t row, ptrdiff_t column) : data(data), row(row), column(column) {}
  Operand transposed() const { return {data, column, row}; }
};

// Multiplications and additions of a product below which threads do not pay.
constexpr size_t kThreadedWork = size_t(1) << 20;
// Columns of a task.
constexpr size_t kTaskColumns = 256;

// Calls body(begin, count) for runs of columns, shared out where the work pays.
template <class Body>
void overColumns(size_t columns, size_t work, const Parallel& parallel, const Body& body) {
  if (columns == 0) return;
  const size_t least = work < kThreadedWork ? columns : std::min(kTaskColumns, (columns + 1) / 2);
  const size_t each = std::max<size_t>(32, (least + 31) / 32 * 32);
  const size_t tasks = (columns + each - 1) / each;
  parallel(tasks, [&](size_t i) { body(i * each, std::min(each, columns - i * each)); });
}

// out = A B, or out -= A B, on the calling thread. k is the summed dimension.
template <class T>
void product(const Block<T>& out, const Operand<T>& a, const Operand<T>& b, size_t k,
             bool subtract) {
  if (out.m == 0 || out.n == 0) return;
  MatmulArgs<T> args;
  args.a = a.data, args.aRow = a.row, args.aCol = a.column;
  args.b = b.data, args.bRow = b.row, args.bCol = b.column;
  args.out = out.data, args.outRow = out.pitch;
  args.m = out.m, args.n = out.n, args.k = k;
  args.subtract = subtract;
  const Kernels<T>& table = kernels<T>();
  table.matmul(args, scratchMemory<T, 0>(table.matmulScratch(args)));
}

// out -= A B on all threads.
template <class T>
void subtractProduct(const Block<T>& out, const Operand<T>& a, const Operand<T>& b, size_t k,
                     const Parallel& parallel) {
  const size_t work = out.m * out.n * k;
  overColumns(out.n, work, parallel, [&](size_t begin, size_t count) {
    const Operand<T> part(b.data + ptrdiff_t(begin) * b.column, b.row, b.column);
    product(out.columns(begin, count), a, part, k, true);
  });
}

// T X = B in the place of B, T n x n with element [i][j] at t[i * tRow + j * tCol], on this thread.
template <class T>
void substituteBlock(const Operand<T>& t, size_t n, bool unit, bool backward, const Block<T>& b) {
  if (n <= kPanelColumns) {
    linalgKernels<T>().substitute(t.data, t.row, t.column, n, unit, backward, b.data, b.pitch, b.n);
    return;
  }
  const size_t h = halfOf(n);
  const ptrdiff_t at = ptrdiff_t(h);
  const Operand<T> first(t.data, t.row, t.column);
  const Operand<T> second(t.data + at * (t.row + t.column), t.row, t.column);
  const Block<T> top = b.part(0, h, 0, b.n), below = b.part(h, n - h, 0, b.n);
  if (backward) {
    substituteBlock(second, n - h, unit, true, below);
    product(top, Operand<T>(t.data + at * t.column, t.row, t.column), Operand<T>(below), n - h, true);
    substituteBlock(first, h, unit, true, top);
  } else {
    substituteBlock(first, h, unit, false, top);
    product(below, Operand<T>(t.data + at * t.row, t.row, t.column), Operand<T>(top), h, true);
    substituteBlock(second, n - h, unit, false, below);
  }
}

// The same on all threads, by runs of columns.
template <class T>
void substituteColumns(const Operand<T>& t, size_t n, bool unit, bool backward, const Block<T>& b,
                       const Parallel& parallel) {
  overColumns(b.n, n * n * b.n / 2, parallel, [&](size_t begin, size_t count) {
    substituteBlock(t, n, unit, backward, b.columns(begin, count));
  });
}

// Calls body(i) for each matrix of a batch; those of a task together are worth a thread. One large
// matrix has the threads for itself: body(i, parallel).
template <class Body>
void overMatrices(size_t count, size_t workOfOne, const Parallel& parallel, const Body& body) {
  if (count == 0) return;
  if (count == 1 || workOfOne >= 16 * kThreadedWork) {
    for (size_t i = 0; i < count; ++i) body(i, parallel);
    return;
  }
  const size_t each = std::max<size_t>(1, kThreadedWork / 8 / std::max<size_t>(workOfOne, 1));
  const size_t tasks = (count + each - 1) / each;
  const Parallel alone;
  parallel(tasks, [&](size_t task) {
    const size_t end = std::min(count, (task + 1) * each);
    for (size_t i = task * each; i < end; ++i) body(i, alone);
  });
}

// A panel of at most kSmall columns, copied so that its rows are whole vectors.
template <class T>
struct Panel {
  T* data;
  size_t pitch;

  explicit Panel(const Block<T>& from) : pitch(from.n <= 16 ? 16 : kSmall) {
    data = scratchMemory<T, 1>(from.m * pitch);
    for (size_t i = 0; i < from.m; ++i) {
      T* row = data + i * pitch;
      std::copy(from.row(i), from.row(i) + from.n, row);
      std::fill(row + from.n, row + pitch, T(0));
    }
  }
  void copyTo(const Block<T>& to) const {
    for (size_t i = 0; i < to.m; ++i) {
      const T* row = data + i * pitch;
      std::copy(row, row + to.n, to.row(i));
    }
  }
};

}  // namespace torchopt
