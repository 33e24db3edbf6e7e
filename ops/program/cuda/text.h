// The parts of the source text that do not depend on the program.
#pragma once

#include <string>

namespace torchopt {

// An operation: its name, and an expression in a, b, c of type V, or of plain numbers.
struct EltText {
  const char* name;
  int operands;
  const char* vectors;
  const char* floats;
  const char* doubles;
};
EltText eltText(int op);

// Definitions that every text begins with, for blocks of so many threads.
std::string cudaPrelude(unsigned threads);

// Concatenation of strings and whole numbers.
inline std::string textOf(const char* x) { return x; }
inline std::string textOf(const std::string& x) { return x; }
template <class N>
std::string textOf(N x) {
  return std::to_string(x);
}
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::string all;
  (all.append(textOf(parts)), ...);
  return all;
}

}  // namespace torchopt
