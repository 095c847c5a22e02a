// Prefetching: memory that a later computation reads is fetched during the current one.
#pragma once

#include "base/sizes.h"

namespace aevb {

// A cursor over memory that is read soon: blocks of bytes, `distance` bytes apart. A kernel takes
// one cache line at a time from it and prefetches that line. Functions that kernels call are always
// inlined. A copy compiled under a kernel's wider flags must not be the one that the linker keeps.
class PrefetchCursor {
 public:
  PrefetchCursor() = default;
  PrefetchCursor(const void* begin, size_t block_size, size_t n_blocks = 1, size_t distance = 0)
      : block_(static_cast<const char*>(begin)),
        n_lines_(ceil_div(block_size, kCacheLine)),
        n_blocks_(block_size > 0 ? n_blocks : 0),
        distance_(distance) {}
  [[gnu::always_inline]] bool empty() const { return n_blocks_ == 0; }
  // Returns the next line and moves on. The cursor must not be empty.
  [[gnu::always_inline]] const char* line() {
    const char* line = block_ + line_ * kCacheLine;
    if (++line_ == n_lines_) {
      line_ = 0;
      if (--n_blocks_ > 0) block_ += distance_;
    }
    return line;
  }

 private:
  const char* block_ = nullptr;
  size_t line_ = 0;
  size_t n_lines_ = 0;
  size_t n_blocks_ = 0;
  size_t distance_ = 0;
};

}  // namespace aevb
