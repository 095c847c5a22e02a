// What is read soon, and fetched while something else is computed.
#pragma once

#include "base/sizes.h"

namespace aevb {

// Memory that will be read soon: blocks of bytes, each `distance` bytes after the last. Whoever has
// time meanwhile fetches a line and walks on. What kernels call of it is always inlined: a copy
// compiled under their wider flags must not be the one that the linker keeps.
class PrefetchCursor {
 public:
  PrefetchCursor() = default;
  PrefetchCursor(const void* begin, size_t block_size, size_t n_blocks = 1, size_t distance = 0)
      : block_(static_cast<const char*>(begin)),
        n_lines_(ceil_div(block_size, kCacheLine)),
        n_blocks_(block_size > 0 ? n_blocks : 0),
        distance_(distance) {}
  [[gnu::always_inline]] bool empty() const { return n_blocks_ == 0; }
  // The next line; there must be one.
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
