// Which cases there are, for each kernel.

#include <algorithm>

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

Case randomNumbers(Random& random) {
  Case c;
  c.name = "Random";
  c.isF64 = random.coin();
  const int64_t count = random.one<int64_t>({0, 1, 3, 4, 5, 100, 1023, 5000});
  // Counters around the end of their lower word, too.
  const int64_t offset = random.coin() ? random.whole(0, 1000) : 0xfffffff0ll + random.whole(0, 40);
  c.numbers = {random.coin(), count, random.whole(0, 0xffffffffll), random.whole(0, 0xffffffffll), offset};
  c.output(size_t(count), 0);
  return c;
}

Case runningSum(Random& random) {
  Case c;
  c.name = "RunningSum";
  c.isF64 = random.coin();
  const int64_t size = random.one<int64_t>({0, 1, 2, 31, 32, 33, 65, 256, 257, random.whole(60, 700)});
  const int64_t outer = random.whole(0, 4), inner = random.whole(1, 4);
  c.numbers = {outer, size, inner, random.coin(), random.coin()};
  const size_t elements = size_t(outer * size * inner);
  Block& x = c.fill(elements, random, -1, 1);
  if (elements > 0 && random.coin()) c.set(x, size_t(random.whole(0, int64_t(elements) - 1)), random.one({-0.0, 0.0, double(NAN), double(INFINITY)}));
  if (random.whole(0, 3) == 0)
    for (size_t i = 0; i < elements; ++i) c.set(x, i, -0.0);
  if (random.coin()) c.inPlace.push_back({1, 0});
  c.output(elements, c.isF64 ? 1e-14 : 1e-6);
  return c;
}

struct Shape {
  int64_t rank = 0, planes = 1, plane = 1, taps = 1, positions = 1;
  std::vector<int64_t> numbers;
};

Shape windows(Random& random) {
  Shape s;
  s.rank = random.whole(1, 3);
  const int64_t examples = random.whole(1, 2), samples = random.whole(1, 3), channels = random.whole(1, 3);
  std::vector<int64_t> sizes = {examples * samples, channels}, kernel, out, strides, low, dilations;
  for (int64_t d = 0; d < s.rank; ++d) {
    const int64_t size = random.whole(1, 7), k = random.whole(1, 3), step = random.whole(1, 3);
    const int64_t dilation = random.whole(1, 2), reach = (k - 1) * dilation + 1;
    // Every window meets x: zeros in front and behind are fewer than a window is long.
    const int64_t before = random.coin() ? 0 : random.whole(0, reach - 1), behind = random.whole(0, reach - 1);
    const int64_t room = size + before + behind - reach;
    const int64_t places = room < 0 ? 1 : random.whole(1, room / step + 1);
    sizes.push_back(size), kernel.push_back(k), out.push_back(places), strides.push_back(step);
    low.push_back(before), dilations.push_back(dilation);
    s.plane *= size, s.taps *= k, s.positions *= places;
  }
  s.planes = examples * samples * channels;
  s.numbers = {s.rank};
  for (const auto* list : {&sizes, &kernel, &out, &strides, &low, &dilations})
    s.numbers.insert(s.numbers.end(), list->begin(), list->end());
  s.numbers.push_back(examples);
  s.numbers.push_back(random.coin());
  return s;
}

Case columns(Random& random) {
  Case c;
  c.name = "Columns";
  c.isF64 = random.coin();
  const Shape s = windows(random);
  c.numbers = s.numbers;
  c.fill(size_t(s.planes * s.plane), random, -1, 1);
  c.output(size_t(s.planes * s.taps * s.positions), 0);
  return c;
}

Case foldColumns(Random& random) {
  Case c;
  c.name = "FoldColumns";
  c.isF64 = random.coin();
  const Shape s = windows(random);
  c.numbers = s.numbers;
  c.fill(size_t(s.planes * s.taps * s.positions), random, -1, 1);
  c.output(size_t(s.planes * s.plane), 0);
  return c;
}

Case maxPlaces(Random& random) {
  Case c;
  c.name = "MaxPlaces";
  c.isF64 = random.coin();
  const Shape s = windows(random);
  c.numbers = s.numbers;
  const size_t elements = size_t(s.planes * s.plane);
  Block& x = c.fill(elements, random, -1, 1);
  // Equal ones, NaN and infinity.
  const double special[] = {0, 0.5, NAN, -INFINITY, INFINITY};
  if (random.coin())
    for (size_t i = 0; i < elements; ++i) c.set(x, i, special[random.whole(0, 4)]);
  c.output(size_t(s.planes * s.positions), 0);
  c.output(size_t(s.planes * s.positions), 0, 'i');
  return c;
}

Case scatterZeros(Random& random) {
  Case c;
  c.name = "ScatterZeros";
  c.isF64 = random.coin();
  const int64_t rows = random.whole(1, 3), count = random.one<int64_t>({0, 1, 7, 300}), size = random.one<int64_t>({1, 5, 400});
  c.numbers = {rows, count, size};
  Block& places = c.add(size_t(rows * count), 'i');
  for (int64_t i = 0; i < rows * count; ++i) places.as<int64_t>()[i] = random.whole(-size, size - 1);
  c.fill(size_t(rows * count), random, -1, 1);
  c.output(size_t(rows * size), c.isF64 ? 1e-13 : 1e-5);
  return c;
}

Case lu(Random& random) {
  Case c;
  c.name = "Lu";
  c.isF64 = random.coin();
  const bool large = random.whole(0, 15) == 0;
  const int64_t count = large ? random.whole(1, 2) : random.whole(0, 3);
  const int64_t m = large ? random.one<int64_t>({64, 65, 70}) : random.whole(1, 20);
  const int64_t n = large ? random.one<int64_t>({64, 65, 90}) : random.coin() ? m : random.whole(1, 20);
  c.numbers = {count, m, n};
  const size_t elements = size_t(count * m * n);
  Block& a = c.fill(elements, random, -1, 1);
  // Columns without a pivot; ones that only a later row has.
  const int kind = int(random.whole(0, 3));
  for (size_t i = 0; i < elements && kind < 2; ++i)
    if (kind == 0 ? int64_t(i) % n == n / 2 : int64_t(i) / n % m != (int64_t(i) + 1) % n) c.set(a, i, 0);
  c.outputs.push_back({0, 'f', c.isF64 ? 1e-10 : 3e-3});
  c.output(size_t(count * m), 0, 'i');
  c.output(size_t(count * std::min(m, n)), 0, 'i');
  return c;
}

// M M^T + n I, or without the last term something that is not positive definite.
Case cholesky(Random& random) {
  Case c;
  c.name = "Cholesky";
  c.isF64 = random.coin();
  const bool large = random.whole(0, 15) == 0;
  const int64_t count = large ? 1 : random.whole(0, 3), n = large ? random.one<int64_t>({64, 65, 80}) : random.whole(1, 20);
  c.numbers = {count, n, n};
  Block& a = c.fill(size_t(count * n * n), random, -1, 1);
  const bool definite = random.whole(0, 3) != 0;
  for (int64_t b = 0; b < count; ++b) {
    std::vector<double> m(size_t(n * n));
    for (double& x : m) x = random.real(-1, 1);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j <= i; ++j) {
        double sum = i == j ? (definite ? double(n) : -double(n) / 8 - 0.1) : 0;
        for (int64_t k = 0; k < n; ++k) sum += m[size_t(i * n + k)] * m[size_t(j * n + k)];
        c.set(a, size_t((b * n + i) * n + j), i == n - 1 && j == i && !definite ? -1 : sum);
      }
    }
  }
  c.outputs.push_back({0, 'f', c.isF64 ? 1e-13 : 1e-5});
  return c;
}

Case triangularSolve(Random& random) {
  Case c;
  c.name = "TriangularSolve";
  c.isF64 = random.coin();
  const bool large = random.whole(0, 15) == 0;
  const int64_t count = large ? 1 : random.whole(0, 3), n = large ? random.one<int64_t>({64, 65, 80}) : random.whole(1, 20);
  const int64_t columns = random.one<int64_t>({1, 2, 5, 32, 33, 40});
  c.numbers = {count, n, columns, random.coin(), random.coin(), random.coin()};
  Block& t = c.fill(size_t(count * n * n), random, -0.2, 0.2);
  for (int64_t i = 0; i < count * n; ++i) c.set(t, size_t(i * n + i % n), random.real(0.5, 1));
  c.fill(size_t(count * n * columns), random, -1, 1);
  c.outputs.push_back({1, 'f', c.isF64 ? 1e-11 : 1e-3});
  return c;
}

}  // namespace

const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      {"Cholesky", cholesky},         {"Columns", columns},
      {"FoldColumns", foldColumns},   {"FusedAdam", fusedAdam},
      {"Lu", lu},                     {"MaxPlaces", maxPlaces},
      {"Random", randomNumbers},      {"RunningSum", runningSum},
      {"ScatterZeros", scatterZeros}, {"TriangularSolve", triangularSolve},
  };
  return all;
}
