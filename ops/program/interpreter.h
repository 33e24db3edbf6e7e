// Runs decoded programs. One interpreter serves any number of runs at the same time.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <new>

#include "../common/parallel.h"
#include "memory_pool.h"
#include "program.h"

namespace torchopt {

// What one run works on.
template <class T>
struct Context {
  explicit Context(const Program<T>& program);
  // The arena, then the scratch of the steps. Large blocks are borrowed for a run from the pool that
  // all programs share, small ones stay.
  AlignedMemory memory;
  std::vector<T*> buffers;   // inputs, outputs, arena buffers
  std::vector<T> scalars;    // of all ELT steps; constants are set for good
  std::vector<char> direct;  // of the ELT step at work: outputs written straight to memory
  void place(const Program<T>& program);  // points the arena buffers into `memory`
  T* scratch(int64_t offset) const { return static_cast<T*>(memory.data()) + offset; }
};

template <class T>
class Interpreter {
 public:
  explicit Interpreter(Program<T> program) : program_(std::move(program)) {}
  ~Interpreter();
  const Program<T>& program() const { return program_; }

  // A context to fill in (buffers of inputs and outputs) and to run with; given back by its
  // destructor.
  class Lease {
   public:
    explicit Lease(Interpreter& owner) : owner_(owner), context_(owner.acquire()) {}
    ~Lease() { owner_.release(context_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Context<T>& operator*() const { return *context_; }
    Context<T>* operator->() const { return context_; }

   private:
    Interpreter& owner_;
    Context<T>* context_;
  };
  void run(Context<T>& context, const Parallel& parallel) const;

 private:
  Context<T>* acquire();
  Context<T>* idle();
  void release(Context<T>* context) noexcept;
  void keep(Context<T>* context) noexcept;

  Program<T> program_;
  // The spare context of the usual case, one run at a time, and those of runs that overlapped.
  std::atomic<Context<T>*> spare_{nullptr};
  std::mutex mutex_;
  std::vector<Context<T>*> more_;
};

template <class T>
void runElt(const Program<T>& program, const EltStep<T>& step, Context<T>& context,
            const Parallel& parallel);
template <class T>
void runReduce(const Program<T>& program, const ReduceStep& step, Context<T>& context,
               const Parallel& parallel);
template <class T>
void runMatmul(const Program<T>& program, const MatmulStep& step, Context<T>& context,
               const Parallel& parallel);

// Writes the elements [start, start + count) of a view, in row-major order, to out. The innermost
// stride must be 0 or 1.
template <class T>
void copyRows(const Kernels<T>& kernels, const T* source, const std::vector<Axis>& axes,
              int64_t start, int64_t count, T* out);
// Writes a whole view.
template <class T>
void copyView(const Kernels<T>& kernels, const T* source, const ViewCopy& copy, T* out,
              const Parallel& parallel);

}  // namespace torchopt
