// The parts of the source text that do not depend on the program.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

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

// A string or a whole number on its way into a text.
struct Piece {
  const char* data = nullptr;
  size_t size = 0;
  int64_t number = 0;

  Piece() = default;
  Piece(const char* x) : data(x), size(std::strlen(x)) {}
  Piece(const std::string& x) : data(x.data()), size(x.size()) {}
  template <class N, class = std::enable_if_t<std::is_integral_v<N>>>
  Piece(N x) : number(int64_t(x)) {}
};
std::string joined(const Piece* pieces, size_t count);

// Concatenation of strings and whole numbers. There are hundreds of calls, hardly two of the same types:
// what is compiled for each is the list.
template <class... Parts>
inline std::string cat(const Parts&... parts) {
  const Piece pieces[] = {parts...};
  return joined(pieces, sizeof...(parts));
}

}  // namespace torchopt
