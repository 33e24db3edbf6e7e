// Blocks of working memory that programs share: a graph of many programs needs the largest block, not
// the sum of all.
#pragma once

#include <cstddef>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace torchopt {

// Memory on cache-line boundaries, not initialised.
class AlignedMemory {
 public:
  AlignedMemory() = default;
  explicit AlignedMemory(size_t bytes)
      : data_(::operator new(bytes == 0 ? 64 : bytes, std::align_val_t(64))), bytes_(bytes) {}
  ~AlignedMemory() {
    if (data_ != nullptr) ::operator delete(data_, std::align_val_t(64));
  }
  AlignedMemory(AlignedMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  AlignedMemory& operator=(AlignedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

class MemoryPool {
 public:
  // The pool of the process; never destroyed, since kernels may outlive static objects.
  static MemoryPool& shared();

  // A block of at least `bytes`: the smallest that fits, or a new one.
  AlignedMemory take(size_t bytes);
  void give(AlignedMemory block) noexcept;

 private:
  MemoryPool();

  std::mutex mutex_;
  std::vector<AlignedMemory> blocks_;  // by size
};

}  // namespace torchopt
