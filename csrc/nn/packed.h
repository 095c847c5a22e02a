// A layer's inputs regrouped for its weight gradient.
#pragma once

#include "kernels/kernels.h"
#include "nn/share.h"

namespace aevb {

// [block of kInputBlock inputs][row][kInputBlock]. The gradient's tile takes a few inputs of every
// row of a minibatch: in the row-major activations each row is on a page of its own, here they lie
// together. Of inputs that may be sparse, the rows that each group of kInputGroup inputs needs are
// listed too; the gradient skips the others, exactly.
class PackedInputs {
 public:
  PackedInputs() = default;
  PackedInputs(size_t rows, size_t n_in, bool sparse = false)
      : buffer_(checked_product(rows, round_up(n_in, kInputBlock))),
        group_rows_(sparse ? checked_product(rows, n_groups(n_in)) : 0),
        n_group_rows_(sparse ? n_groups(n_in) : 0) {}

  // Blocks of all rows of `in`. Rows are listed where the inputs may be sparse, unless these are
  // full.
  void pack(const Kernels& k, ConstMatView in, Range blocks, bool full = true) {
    if (blocks.empty()) return;
    const size_t first = blocks.begin * kInputBlock;
    const size_t group = first / kInputGroup;
    const size_t n_cols = std::min(in.cols, blocks.end * kInputBlock) - first;
    if (sparse() && full)
      std::fill_n(&n_group_rows_[group], n_groups(n_cols), static_cast<uint32_t>(in.rows));
    k.pack_inputs({.rows = in.rows,
                   .n_cols = n_cols,
                   .x = in.data + first,
                   .ldx = in.stride,
                   .out = buffer_.data() + first * in.rows,
                   .group_rows = full ? nullptr : group_rows_.data() + group * in.rows,
                   .n_group_rows = full ? nullptr : n_group_rows_.data() + group});
  }

  const float* data() const { return buffer_.data(); }
  const uint32_t* group_rows() const { return sparse() ? group_rows_.data() : nullptr; }
  const uint32_t* n_group_rows() const { return sparse() ? n_group_rows_.data() : nullptr; }

 private:
  bool sparse() const { return n_group_rows_.size() > 0; }
  static size_t n_groups(size_t n_in) { return round_up(n_in, kInputBlock) / kInputGroup; }

  Buffer<float> buffer_;
  Buffer<uint32_t> group_rows_;    // (groups, rows)
  Buffer<uint32_t> n_group_rows_;  // (groups,)
};

}  // namespace aevb
