// What the node of a FusedAdam says, the same on every device.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "../common/custom_op.h"

namespace torchopt {

// Inputs ahead of the tensors: b1, omb1, b2, omb2, eps, epsRoot, and with `apply` also s and wd. Then of
// each tensor c1, c2, g, m, v, and with `apply` also p. Outputs of each: u, m', v'.
struct AdamAttributes {
  explicit AdamAttributes(const ort::KernelInfo* info)
      : apply(integer(info, "apply") != 0),
        sizes(integers(info, "sizes")),
        shapes(readShapes(sizes, integers(info, "dims"))) {}

  size_t scalars() const { return apply ? 8 : 6; }
  size_t perTensor() const { return apply ? 6 : 5; }

  // Null, or what is wrong with the number of inputs.
  ort::Status* checkInputs(const ort::KernelContext* context) const {
    size_t inputs = 0;
    if (auto* status = ort::KernelContextGetInputCount(context, &inputs)) return status;
    const size_t wanted = scalars() + perTensor() * sizes.size();
    if (inputs == wanted) return nullptr;
    return invalid("FusedAdam: got " + std::to_string(inputs) + " inputs for " +
                   std::to_string(sizes.size()) + " tensors, wants " + std::to_string(wanted));
  }

  const bool apply;
  const std::vector<int64_t> sizes;
  const std::vector<std::vector<int64_t>> shapes;

 private:
  static std::vector<std::vector<int64_t>> readShapes(const std::vector<int64_t>& sizes,
                                                      const std::vector<int64_t>& dims) {
    constexpr int64_t kMaxElements = int64_t(1) << 46;
    std::vector<std::vector<int64_t>> shapes;
    size_t at = 0;
    for (const int64_t size : sizes) {
      if (at >= dims.size() || dims[at] < 0 || size_t(dims[at]) > dims.size() - at - 1) {
        throw std::invalid_argument(
            "FusedAdam: dims does not hold a rank and its dimensions per tensor");
      }
      const auto begin = dims.begin() + int64_t(at) + 1;
      shapes.emplace_back(begin, begin + dims[at]);
      at += size_t(dims[at]) + 1;
      int64_t product = 1;
      for (const int64_t d : shapes.back()) {
        if (d < 0 || __builtin_mul_overflow(product, d, &product) || product > kMaxElements) {
          throw std::invalid_argument("FusedAdam: a shape is negative or too large");
        }
      }
      if (product != size) {
        throw std::invalid_argument("FusedAdam: size " + std::to_string(size) +
                                    " is not that of its shape, " + std::to_string(product));
      }
    }
    if (at != dims.size())
      throw std::invalid_argument("FusedAdam: dims has shapes for more tensors than sizes");
    return shapes;
  }
};

}  // namespace torchopt
