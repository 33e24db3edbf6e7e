// Cases for CUDA kernels: each runs on the CPU and on the (fake) GPU, and the results are compared.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

using Exec = int32_t (*)(int32_t onGpu, int32_t isF64, const char* name, const int64_t* numbers,
                         const double* addresses);

struct Random {
  std::mt19937_64 bits;
  explicit Random(uint64_t seed) : bits(seed) {}
  // A whole number of [low, high].
  int64_t whole(int64_t low, int64_t high) {
    return low + int64_t(bits() % uint64_t(high - low + 1));
  }
  bool coin() { return (bits() & 1) != 0; }
  double real(double low, double high) {
    return low + (high - low) * double(bits() >> 11) * 0x1p-53;
  }
  template <class T>
  T one(std::initializer_list<T> of) {
    return *(of.begin() + whole(0, int64_t(of.size()) - 1));
  }
};

// Memory of a tensor, exactly as large as it is: a sanitizer sees what goes beyond.
struct Block {
  std::unique_ptr<char, void (*)(void*)> memory;
  size_t bytes;
  explicit Block(size_t size) : memory(static_cast<char*>(std::malloc(size)), std::free), bytes(size) {
    std::memset(memory.get(), 0x7b, size);
  }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(memory.get());
  }
};

// How results are compared: `tolerance` of the largest magnitude in a result, 0 for the same bits.
struct Output {
  size_t index;  // among the addresses
  char type;     // 'f' for that of the case, 'i' for int64
  double tolerance;
};

struct Case {
  std::string name;
  bool isF64 = false;
  std::vector<int64_t> numbers;
  std::vector<Block> blocks;      // inputs and outputs, in the order of the addresses
  std::vector<Output> outputs;
  std::vector<std::pair<size_t, size_t>> inPlace;  // address i is that of block j

  size_t width() const { return isF64 ? 8 : 4; }
  Block& add(size_t elements, char type = 'f') {
    blocks.emplace_back(elements * (type == 'i' ? 8 : width()));
    return blocks.back();
  }
  void set(Block& block, size_t i, double value) const {
    if (isF64) block.as<double>()[i] = value;
    else block.as<float>()[i] = float(value);
  }
  Block& fill(size_t elements, Random& random, double low, double high) {
    Block& block = add(elements);
    for (size_t i = 0; i < elements; ++i) set(block, i, random.real(low, high));
    return block;
  }
  void output(size_t elements, double tolerance, char type = 'f') {
    outputs.push_back({blocks.size(), type, tolerance});
    add(elements, type);
  }
  std::string text() const {
    std::string line = name + (isF64 ? "F64" : "F32");
    for (const int64_t n : numbers) line += " " + std::to_string(n);
    return line;
  }
};

using Maker = Case (*)(Random&);

struct Family {
  const char* name;
  Maker make;
};

// All kinds of cases.
const std::vector<Family>& families();
