#include "text.h"

#include "../../common/text.h"
#include "../kernels.h"

#define TORCHOPT_TEXT TORCHOPT_EMBED
#include "scalar.inc"
#include "../math.inc"
#include "../accumulate.inc"
#include "steps.inc"

namespace torchopt {

EltText eltText(int op) {
  switch (op) {
#define TORCHOPT_ELT(Code, Name, Operands, Unroll, ...) \
  case Code:                                            \
    return {#Name, Operands, #__VA_ARGS__, nullptr, nullptr};
#define TORCHOPT_LIBM(Code, Name, Operands, Float, Double) \
  case Code:                                               \
    return {#Name, Operands, nullptr, #Float, #Double};
#include "../opcodes.inc"
#undef TORCHOPT_ELT
#undef TORCHOPT_LIBM
    default:
      return {nullptr, 0, nullptr, nullptr, nullptr};
  }
}

std::string cudaPrelude(unsigned threads) {
  unsigned tile = 1;
  while ((tile + 1) * (tile + 1) <= threads) ++tile;
  const auto kind = [](ReduceKind k) { return int(k); };
  return cat(torchopt_text_scalar, torchopt_text_math, "enum class ReduceKind : int { kSum = ",
             kind(ReduceKind::kSum), ", kMax = ", kind(ReduceKind::kMax), ", kMin = ",
             kind(ReduceKind::kMin), ", kProd = ", kind(ReduceKind::kProd), " };\n",
             torchopt_text_accumulate, "constexpr unsigned kThreads = ", threads,
             ";\nconstexpr int kTile = ", tile, ";\n", torchopt_text_steps);
}

std::string joined(const Piece* pieces, size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i) {
    const Piece& piece = pieces[i];
    if (piece.data != nullptr) all.append(piece.data, piece.size);
    else all.append(std::to_string(piece.number));
  }
  return all;
}

}  // namespace torchopt
