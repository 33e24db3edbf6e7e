// Random numbers from a counter: Philox4x32-10, uniform and normal numbers. The same numbers, to the
// last bit, as src/tensor/random makes without this library: only operations that IEEE 754 rounds
// correctly, in one order, with no fused multiply-add.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace torchopt {

struct RandomSource {
  uint32_t keyLow, keyHigh;
  // Number of the first block of four words.
  uint64_t offset;
};

// Numbers of the whole array from `begin` to `end`, which are multiples of 4 but for the end of all.
template <class T>
using RandomLoop = void (*)(const RandomSource& source, T* out, size_t begin, size_t end);

// For the instruction set of this machine.
template <class T>
RandomLoop<T> randomLoop(bool normal);

}  // namespace torchopt
