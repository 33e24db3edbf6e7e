#include "memory_pool.h"

#include <algorithm>

namespace torchopt {

namespace {

// Blocks that wait for the next run; more are freed, the smallest first.
constexpr size_t kBlocks = 4;

}  // namespace

// Nothing is allocated when a block comes back.
MemoryPool::MemoryPool() { blocks_.reserve(kBlocks + 1); }

MemoryPool& MemoryPool::shared() {
  static MemoryPool* pool = new MemoryPool;
  return *pool;
}

AlignedMemory MemoryPool::take(size_t bytes) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto fits = std::find_if(blocks_.begin(), blocks_.end(),
                                   [&](const AlignedMemory& b) { return b.bytes() >= bytes; });
    if (fits != blocks_.end()) {
      AlignedMemory block = std::move(*fits);
      blocks_.erase(fits);
      return block;
    }
    // A larger block will serve from now on, so the largest that is too small goes.
    if (!blocks_.empty()) blocks_.pop_back();
  }
  return AlignedMemory(bytes);
}

void MemoryPool::give(AlignedMemory block) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto at = std::find_if(blocks_.begin(), blocks_.end(), [&](const AlignedMemory& b) {
    return b.bytes() >= block.bytes();
  });
  blocks_.insert(at, std::move(block));
  if (blocks_.size() > kBlocks) blocks_.erase(blocks_.begin());
}

}  // namespace torchopt
