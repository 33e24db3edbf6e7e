#include "interpreter.h"

namespace torchopt {

namespace {

// Working memory from which a program borrows it for each run.
constexpr size_t kBorrowFrom = 1 << 18;

template <class T>
bool borrows(const Program<T>& program) {
  return size_t(program.memory) * sizeof(T) >= kBorrowFrom;
}

}  // namespace

template <class T>
Context<T>::Context(const Program<T>& program)
    : memory(borrows(program) ? AlignedMemory() : AlignedMemory(size_t(program.memory) * sizeof(T))),
      buffers(program.inputs + program.outputs + program.arenaOffsets.size()),
      scalars(size_t(program.scalars)) {
  if (!borrows(program)) place(program);
  size_t outputs = 0;
  for (const auto& step : program.steps) {
    const auto* elt = std::get_if<EltStep<T>>(&step);
    if (elt == nullptr) continue;
    outputs = std::max(outputs, elt->outputs.size());
    for (const auto& [index, value] : elt->constants)
      scalars[size_t(elt->scalarBase) + index] = value;
  }
  direct.resize(outputs);
}

template <class T>
void Context<T>::place(const Program<T>& program) {
  T** arena = buffers.data() + program.inputs + program.outputs;
  for (const int64_t offset : program.arenaOffsets) *arena++ = scratch(offset);
}

template <class T>
Interpreter<T>::~Interpreter() {
  delete spare_.load();
  for (auto* context : more_) delete context;
}

template <class T>
Context<T>* Interpreter<T>::acquire() {
  Context<T>* context = idle();
  if (!borrows(program_)) return context;
  try {
    context->memory = MemoryPool::shared().take(size_t(program_.memory) * sizeof(T));
  } catch (...) {
    keep(context);
    throw;
  }
  context->place(program_);
  return context;
}

template <class T>
Context<T>* Interpreter<T>::idle() {
  if (Context<T>* context = spare_.exchange(nullptr, std::memory_order_acquire)) return context;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!more_.empty()) {
      Context<T>* context = more_.back();
      more_.pop_back();
      return context;
    }
  }
  return new Context<T>(program_);
}

template <class T>
void Interpreter<T>::release(Context<T>* context) noexcept {
  if (borrows(program_)) MemoryPool::shared().give(std::move(context->memory));
  keep(context);
}

template <class T>
void Interpreter<T>::keep(Context<T>* context) noexcept {
  Context<T>* none = nullptr;
  if (spare_.compare_exchange_strong(none, context, std::memory_order_release)) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  try {
    more_.push_back(context);
  } catch (const std::bad_alloc&) {
    delete context;
  }
}

template <class T>
void Interpreter<T>::run(Context<T>& context, const Parallel& parallel) const {
  for (const auto& step : program_.steps) {
    switch (step.index()) {
      case 0:
        runElt(program_, *std::get_if<0>(&step), context, parallel);
        break;
      case 1:
        runReduce(program_, *std::get_if<1>(&step), context, parallel);
        break;
      default:
        runMatmul(program_, *std::get_if<2>(&step), context, parallel);
    }
  }
}

template struct Context<float>;
template struct Context<double>;
template class Interpreter<float>;
template class Interpreter<double>;

}  // namespace torchopt
