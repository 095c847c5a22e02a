// A layer's inputs regrouped for its weight gradient.
#pragma once

#include "nn/share.h"

namespace aevb {

// [block of kInputBlock inputs][row][kInputBlock]. The gradient's tile takes a few inputs of every
// row of a minibatch: in the row-major activations each row is on a page of its own, here they lie
// together.
class PackedInputs {
 public:
  PackedInputs() = default;
  PackedInputs(size_t rows, size_t n_in)
      : buffer_(checked_product(rows, round_up(n_in, kInputBlock))) {}

  // Blocks of all rows of `in`.
  void pack(ConstMatView in, Range blocks) {
    for (size_t block = blocks.begin; block < blocks.end; ++block) {
      const size_t first = block * kInputBlock;
      const size_t width = std::min(kInputBlock, in.cols - first);
      float* to = buffer_.data() + first * in.rows;
      for (size_t r = 0; r < in.rows; ++r) {
        const float* from = in.row(r) + first;
        if (width == kInputBlock) {  // the compiler's own moves
          std::memcpy(to + r * kInputBlock, from, kInputBlock * sizeof(float));
        } else {
          std::memcpy(to + r * kInputBlock, from, width * sizeof(float));
        }
      }
    }
  }

  const float* data() const { return buffer_.data(); }

 private:
  Buffer<float> buffer_;
};

}  // namespace aevb
