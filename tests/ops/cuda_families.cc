// Which cases there are, for each kernel.

#include "cuda_cases.h"

namespace {

Case fusedAdam(Random& random) {
  Case c;
  c.name = "FusedAdam";
  c.isF64 = random.coin();
  const bool apply = random.coin();
  // More tensors than one launch takes, now and then; sizes around a chunk and a vector.
  const int64_t count = random.one<int64_t>({0, 1, 3, 44, 45, 100});
  c.numbers = {apply, count};
  std::vector<int64_t> sizes;
  for (int64_t i = 0; i < count; ++i)
    sizes.push_back(random.one<int64_t>({0, 1, 2, 3, 7, random.whole(1, 64), 1024, random.whole(1000, 3000)}));
  if (count > 3)
    for (auto& size : sizes) size %= 67;
  c.numbers.insert(c.numbers.end(), sizes.begin(), sizes.end());
  c.blocks.reserve(8 + 9 * size_t(count));
  for (const double x : {0.9, 0.1, 0.99, 0.01, 1e-3, 1e-4}) c.fill(1, random, x, x);
  if (apply) c.fill(1, random, -0.1, -0.01), c.fill(1, random, 0, 0.1);
  const double tolerance = c.isF64 ? 1e-14 : 1e-6;
  std::vector<size_t> inputs;
  for (const int64_t size : sizes) {
    c.fill(1, random, 0.1, 1), c.fill(1, random, 0.1, 1);
    inputs.push_back(c.blocks.size());
    c.fill(size_t(size), random, -1, 1);
    c.fill(size_t(size), random, -1, 1);
    c.fill(size_t(size), random, 0, 1);
    if (apply) c.fill(size_t(size), random, -1, 1);
  }
  const bool inPlace = random.coin();
  for (size_t k = 0; k < sizes.size(); ++k) {
    for (size_t j = 0; j < 3; ++j) {
      // u over p or g, m' over m, v' over v.
      const size_t over = inputs[k] + (j == 0 ? (apply ? 3 : 0) : j);
      if (inPlace) c.inPlace.push_back({c.blocks.size(), over});
      c.output(size_t(sizes[k]), tolerance);
    }
  }
  return c;
}

}  // namespace

const std::vector<Family>& families() {
  static const std::vector<Family> all = {{"FusedAdam", fusedAdam}};
  return all;
}
