// A plain evaluation of programs, one element at a time: what the interpreter of ops/program is
// compared with. It reads the code that the decoder has accepted, so it checks nothing.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

using Words = std::vector<int64_t>;

// The attributes of the op.
struct Code {
  Words words;
  std::vector<double> constants;
};

// An operation that is exact on whole numbers.
struct Operation {
  int64_t code;
  double (*f)(double a, double b, double c);
};

inline const Operation kExact[] = {
    {0, [](double a, double b, double) { return a + b; }},
    {1, [](double a, double b, double) { return a - b; }},
    {2, [](double a, double b, double) { return a * b; }},
    {5, [](double a, double b, double) { return a > b ? a : b; }},
    {6, [](double a, double b, double) { return a < b ? a : b; }},
    {7, [](double a, double b, double c) { return a * b + c; }},
    {8, [](double a, double b, double c) { return a * b - c; }},
    {9, [](double a, double b, double c) { return c - a * b; }},
    {10, [](double a, double, double) { return -a; }},
    {11, [](double a, double, double) { return std::fabs(a); }},
    {12, [](double a, double, double) { return double((a > 0) - (a < 0)); }},
    {25, [](double a, double, double) { return std::floor(a); }},
    {26, [](double a, double, double) { return std::ceil(a); }},
    {28, [](double a, double, double) { return a * a; }},
    {30, [](double a, double, double) { return a > 0 ? a : 0; }},
    {40, [](double a, double b, double) { return double(a < b); }},
    {41, [](double a, double b, double) { return double(a <= b); }},
    {42, [](double a, double b, double) { return double(a == b); }},
    {44, [](double a, double b, double) { return double(a != 0 && b != 0); }},
    {45, [](double a, double b, double) { return double(a != 0 || b != 0); }},
    {46, [](double a, double, double) { return double(a == 0); }},
    {50, [](double a, double b, double c) { return a != 0 ? b : c; }},
    {54, [](double a, double, double) { return a; }},
};
constexpr size_t kExactCount = sizeof kExact / sizeof kExact[0];

// Values of all inputs and outputs after a run, and which elements were written.
template <class T>
struct Evaluation {
  bool known = true;  // false where the result depends on order, rounding or memory that was not set
  std::vector<std::vector<T>> values;
  std::vector<std::vector<char>> set;
};

template <class T>
class Evaluator {
 public:
  Evaluator(const Code& code, const std::vector<std::vector<T>>& buffers, size_t inputs,
            int64_t arena)
      : code_(code), arena_(size_t(arena)), arenaSet_(size_t(arena), 0) {
    result_.values = buffers;
    for (size_t i = 0; i < buffers.size(); ++i)
      result_.set.emplace_back(buffers[i].size(), char(i < inputs));
  }

  Evaluation<T> run() {
    next();  // version
    const size_t inputs = size_t(next()), outputs = size_t(next()), count = size_t(next());
    for (size_t i = 0; i < outputs; ++i)
      for (int64_t rank = next(); rank > 0; --rank) next();
    named_ = inputs + outputs;
    for (size_t i = 0; i < count; ++i) offsets_.push_back(next());
    next();  // size of the arena
    for (int64_t steps = next(); steps > 0 && result_.known; --steps) {
      const int64_t kind = next();
      next();  // length
      reads_.clear();
      writes_.clear();
      if (kind == 1) elementwise();
      else if (kind == 2) reduce();
      else product();
      checkOrder();
    }
    return std::move(result_);
  }

 private:
  // The largest whole number that all sums and products of float hold exactly.
  static constexpr double kExactLimit = sizeof(T) == 4 ? 1 << 20 : 1e15;

  struct Place {
    int64_t memory, at;  // memory: number of the input or output, or -1 for the arena
  };

  int64_t next() { return code_.words[at_++]; }
  Words list(int64_t n) {
    Words words;
    for (; n > 0; --n) words.push_back(next());
    return words;
  }

  Place place(int64_t buffer, int64_t index) const {
    if (size_t(buffer) < named_) return {buffer, index};
    return {-1, offsets_[size_t(buffer) - named_] + index};
  }
  double read(int64_t buffer, int64_t index) {
    const Place p = place(buffer, index);
    reads_.push_back(p);
    const bool set = p.memory < 0 ? arenaSet_[size_t(p.at)] : result_.set[size_t(p.memory)][size_t(p.at)];
    if (!set) result_.known = false;
    return double(p.memory < 0 ? arena_[size_t(p.at)] : result_.values[size_t(p.memory)][size_t(p.at)]);
  }
  void write(int64_t buffer, int64_t index, double value) {
    const Place p = place(buffer, index);
    writes_.push_back(p);
    pending_.push_back(value);
    if (!(std::fabs(value) <= kExactLimit) && !std::isinf(value)) result_.known = false;
  }

  // Writes take effect at the end of a step. What a step both reads and writes, or writes twice,
  // depends on the order in which it does so.
  void checkOrder() {
    for (size_t i = 0; i < writes_.size(); ++i) {
      const Place p = writes_[i];
      auto& values = p.memory < 0 ? arena_ : result_.values[size_t(p.memory)];
      auto& set = p.memory < 0 ? arenaSet_ : result_.set[size_t(p.memory)];
      if (set[size_t(p.at)] == 2) result_.known = false;
      values[size_t(p.at)] = T(pending_[i]);
      set[size_t(p.at)] = 2;
    }
    for (const Place& p : reads_) {
      const auto& set = p.memory < 0 ? arenaSet_ : result_.set[size_t(p.memory)];
      if (set[size_t(p.at)] == 2) result_.known = false;
    }
    for (const Place& p : writes_)
      (p.memory < 0 ? arenaSet_ : result_.set[size_t(p.memory)])[size_t(p.at)] = 1;
    pending_.clear();
  }

  // Calls visit(address) for the elements of a view in row-major order.
  template <class Visit>
  static void walk(const Words& dims, const Words& strides, const Visit& visit) {
    int64_t n = 1;
    for (const int64_t d : dims) n *= d;
    for (int64_t i = 0; i < n; ++i) {
      int64_t rest = i, address = 0;
      for (size_t d = dims.size(); d-- > 0; rest /= dims[d]) address += rest % dims[d] * strides[d];
      visit(address);
    }
  }

  void elementwise() {
    const int64_t n = next();
    const size_t count = size_t(next());
    std::vector<std::vector<double>> registers(count);
    for (int64_t loads = next(); loads > 0; --loads) {
      const int64_t mode = next();
      auto& target = registers[size_t(next())];
      target.clear();
      if (mode == 3) {
        target.assign(size_t(n), double(T(code_.constants[size_t(next())])));
        continue;
      }
      const int64_t buffer = next();
      if (mode == 0) {
        for (int64_t i = 0; i < n; ++i) target.push_back(read(buffer, i));
        continue;
      }
      const int64_t offset = next();
      if (mode == 1) {
        target.assign(size_t(n), read(buffer, offset));
        continue;
      }
      const size_t rank = size_t(next());
      const Words dims = list(int64_t(rank)), strides = list(int64_t(rank));
      walk(dims, strides, [&](int64_t address) { target.push_back(read(buffer, offset + address)); });
    }
    for (int64_t instructions = next(); instructions > 0; --instructions) {
      const int64_t op = next();
      const size_t target = size_t(next());
      const Words operands = list(3);
      const Operation* known = nullptr;
      for (const Operation& x : kExact)
        if (x.code == op) known = &x;
      if (known == nullptr) {
        result_.known = false;
        registers[target].assign(size_t(n), 0);
        continue;
      }
      const auto value = [&](int k, size_t i) {
        const int64_t r = operands[size_t(k)];
        const bool there = r >= 0 && size_t(r) < registers.size() && registers[size_t(r)].size() > i;
        return there ? registers[size_t(r)][i] : 0.0;
      };
      std::vector<double> out;
      for (size_t i = 0; i < size_t(n); ++i) {
        out.push_back(known->f(value(0, i), value(1, i), value(2, i)));
        if (!(std::fabs(out.back()) <= kExactLimit) && !std::isinf(out.back())) result_.known = false;
      }
      registers[target] = std::move(out);
    }
    for (int64_t stores = next(); stores > 0; --stores) {
      const int64_t buffer = next();
      const auto& source = registers[size_t(next())];
      for (int64_t i = 0; i < n; ++i) write(buffer, i, source[size_t(i)]);
    }
  }

  void reduce() {
    const int64_t kind = next(), in = next(), offset = next(), out = next(), rank = next();
    const Words dims = list(rank), strides = list(rank), keep = list(rank);
    Words kept, keptStrides, reduced, reducedStrides;
    for (size_t d = 0; d < dims.size(); ++d) {
      (keep[d] ? kept : reduced).push_back(dims[d]);
      (keep[d] ? keptStrides : reducedStrides).push_back(strides[d]);
    }
    int64_t index = 0;
    const double start[] = {0, -HUGE_VAL, HUGE_VAL, 1};
    walk(kept, keptStrides, [&](int64_t base) {
      double all = start[kind];
      walk(reduced, reducedStrides, [&](int64_t address) {
        const double x = read(in, offset + base + address);
        all = kind == 0 ? all + x : kind == 1 ? (x > all ? x : all) : kind == 2 ? (x < all ? x : all) : all * x;
        if (kind == 3 && std::fabs(all) > kExactLimit) result_.known = false;
      });
      write(out, index++, all);
    });
  }

  void product() {
    const int64_t a = next(), aOffset = next(), b = next(), bOffset = next(), out = next();
    const int64_t batch = next(), aStep = next(), bStep = next(), m = next(), n = next(), k = next();
    const int64_t transA = next(), transB = next();
    if (m == 0 || n == 0) return;
    for (int64_t s = 0; s < batch; ++s) {
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t l = 0; l < k; ++l) {
            sum += read(a, aOffset + s * aStep + (transA ? l * m + i : i * k + l)) *
                   read(b, bOffset + s * bStep + (transB ? j * k + l : l * n + j));
          }
          write(out, (s * m + i) * n + j, sum);
        }
      }
    }
  }


  const Code& code_;
  size_t at_ = 0, named_ = 0;
  Words offsets_;
  std::vector<T> arena_;
  std::vector<char> arenaSet_;
  std::vector<Place> reads_, writes_;
  std::vector<double> pending_;
  Evaluation<T> result_;
};

template <class T>
Evaluation<T> evaluate(const Code& code, const std::vector<std::vector<T>>& buffers, size_t inputs,
                       int64_t arena) {
  return Evaluator<T>(code, buffers, inputs, arena).run();
}
