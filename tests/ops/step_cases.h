// Programs of one step each, of the sizes at which kernels for CUDA go other ways: reductions of rows,
// columns and middle axes, shorter and longer than a block and cut into many groups; transpositions that
// are no squares; products whose sums are flushed. Results do not depend on the order of operations.
#pragma once

#include "random_program.h"

// What inputs hold.
enum class Numbers {
  whole,    // of [-3, 3]
  powers,   // of two, of both signs: products are exact
  extreme,  // small whole numbers, infinities and, about one to a result, NaN
};

struct StepCase {
  Code code;
  Numbers numbers;
  int64_t rare = 1;       // one of so many numbers is special
  int64_t dot = 1 << 20;  // length of products that are reductions
};

// A program of one step: kind and payload as random_program.h writes them.
inline Code oneStep(int64_t inputs, int64_t outputs, int64_t kind, const Words& payload) {
  Words words = {1, inputs, 1, 0, 1, outputs, 0, 1, kind, int64_t(payload.size())};
  words.insert(words.end(), payload.begin(), payload.end());
  return {words, {}};
}

inline void append(Words& words, const Words& more) { words.insert(words.end(), more.begin(), more.end()); }

// The reduction of a contiguous tensor over one axis.
inline StepCase reductionCase(int64_t kind, const Words& dims, size_t over) {
  Words strides(dims.size(), 1), keep(dims.size(), 1);
  for (size_t d = dims.size() - 1; d-- > 0;) strides[d] = strides[d + 1] * dims[d + 1];
  keep[over] = 0;
  int64_t outputs = 1;
  for (size_t d = 0; d < dims.size(); ++d) outputs *= d == over ? 1 : dims[d];
  Words payload = {kind, 0, 0, 1, int64_t(dims.size())};
  for (const Words& list : {dims, strides, keep}) append(payload, list);
  const Numbers numbers = kind == 0 ? Numbers::whole : kind == 3 ? Numbers::powers : Numbers::extreme;
  return {oneStep(1, outputs, 2, payload), numbers, dims[over]};
}

// A view, less another input that is read in order.
inline StepCase viewCase(const Words& dims, const Words& strides, int64_t offset = 0) {
  int64_t n = 1;
  for (const int64_t dim : dims) n *= dim;
  Words payload = {n, 3, 2, 2, 0, 0, offset, int64_t(dims.size())};
  append(payload, dims);
  append(payload, strides);
  append(payload, {0, 1, 1, 1, 1, 2, 0, 1, 0, 1, 2, 2});
  return {oneStep(2, n, 1, payload), Numbers::whole};
}

inline StepCase productCase(int64_t batch, int64_t m, int64_t n, int64_t k, bool transA, bool transB,
                            int64_t dot = 1 << 20) {
  return {oneStep(2, batch * m * n, 3, {0, 0, 1, 0, 2, batch, m * k, k * n, m, n, k, transA, transB}),
          Numbers::whole, 1, dot};
}

inline const std::vector<StepCase>& stepCases() {
  static const std::vector<StepCase> all = [] {
    std::vector<StepCase> cases;
    // Long ones first: they are cut into a hundred groups, more than there are threads to join them.
    for (const int64_t kind : {1, 2, 0, 3}) {
      cases.push_back(reductionCase(kind, {3, 1500}, 1));
      cases.push_back(reductionCase(kind, {1500, 5}, 0));
      cases.push_back(reductionCase(kind, {2, 701, 3}, 1));
      cases.push_back(reductionCase(kind, {19, 33}, 1));
      cases.push_back(reductionCase(kind, {40, 37}, 0));
      cases.push_back(reductionCase(kind, {70, 7}, 1));
    }
    // Two axes change places: [columns, rows] in memory.
    for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{3, 5}, {5, 3}, {17, 9}, {9, 17}, {33, 20}})
      cases.push_back(viewCase({rows, columns}, {1, rows}));
    cases.push_back(viewCase({2, 9, 21}, {189, 1, 9}));         // a batch in front
    cases.push_back(viewCase({9, 2, 21}, {1, 189, 9}));         // between the two
    cases.push_back(viewCase({17, 6, 3}, {1, 17, 102}));        // three axes, backwards
    cases.push_back(viewCase({18, 7}, {1, 23}));                // of a larger tensor
    cases.push_back(viewCase({3, 7, 10}, {0, 1, 7}));           // repeated
    cases.push_back(viewCase({2, 7, 10}, {-70, 1, 7}, 70));     // from behind
    cases.push_back(viewCase({11, 6}, {6, -1}, 5));
    cases.push_back(viewCase({6, 13}, {0, 1}));                 // rows: of a bias
    cases.push_back(viewCase({5, 13}, {20, 1}, 3));             // of a larger tensor
    cases.push_back(viewCase({4, 3, 7}, {7, 0, 1}));
    cases.push_back(viewCase({12, 5}, {1, 0}));
    for (const bool transA : {false, true}) {
      for (const bool transB : {false, true}) {
        cases.push_back(productCase(1, 5, 9, 300, transA, transB));
        cases.push_back(productCase(2, 37, 50, 21, transA, transB));
        cases.push_back(productCase(1, 2, 3, 1500, transA, transB, 64));
      }
    }
    cases.push_back(productCase(3, 9, 4, 257, false, false));
    cases.push_back(productCase(1, 33, 41, 513, false, false));
    cases.push_back(productCase(1, 1, 1, 1500, false, false, 64));
    return cases;
  }();
  return all;
}

inline double stepNumber(Random& random, Numbers numbers, int64_t rare) {
  if (numbers == Numbers::powers) {
    const double values[] = {1, -1, 2, 0.5};
    return values[between(random, 0, 3)];
  }
  if (numbers == Numbers::extreme) {
    if (between(random, 1, rare) == 1) return std::nan("");
    if (between(random, 1, 4 * rare) == 1) return HUGE_VAL;
    if (between(random, 1, 4 * rare) == 1) return -HUGE_VAL;
    // Results that are less than none.
    return double(between(random, -3, 3)) - (rare % 2 != 0 ? 9 : -9);
  }
  return double(between(random, -3, 3));
}
