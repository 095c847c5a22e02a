// Where a minibatch is not zero, so that the first layer can skip the rest. Skipping is exact: a
// product with zero adds nothing to a sum that started from 0 or a bias. Data decide for
// themselves: a block of rows or a group of inputs that is nearly full is done whole.
#pragma once

#include <vector>

#include "kernels/kernels.h"
#include "nn/share.h"

namespace aevb {

class Nonzeros {
 public:
  Nonzeros() = default;
  Nonzeros(size_t rows, size_t n_cols)
      : n_cols_(n_cols),
        n_groups_(ceil_div(n_cols, kInputGroup)),
        columns_(checked_product(ceil_div(rows, kRowBlock), n_cols)),
        n_columns_(ceil_div(rows, kRowBlock)),
        masks_(checked_product(ceil_div(rows, kRowBlock), n_groups_)),
        group_rows_(checked_product(rows, n_groups_)),
        n_group_rows_(n_groups_) {}

  // Columns in use in the blocks that rows [begin, end) of x fill; begin is a multiple of
  // kRowBlock.
  void find_columns(const Kernels& k, ConstMatView x, Range rows) {
    for (size_t r = rows.begin; r < rows.end; r += kRowBlock) {
      const size_t block = r / kRowBlock;
      k.nonzeros({.rows = std::min(kRowBlock, rows.end - r),
                  .n_cols = n_cols_,
                  .x = x.row(r),
                  .ldx = x.stride,
                  .columns = columns_.data() + block * n_cols_,
                  .n_columns = &n_columns_[block],
                  .masks = masks_.data() + block * n_groups_});
    }
  }

  // Whether a block of rows has enough empty columns to gain by skipping them.
  bool skips(size_t block) const { return 10 * size_t{n_columns_[block]} < 9 * n_cols_; }
  const uint32_t* columns(size_t block) const { return columns_.data() + block * n_cols_; }
  size_t n_columns(size_t block) const { return n_columns_[block]; }

  // From all blocks of the first n rows: the rows in use for each of the given groups of inputs.
  void find_rows(size_t n, Range groups) {
    const bool full = std::all_of(n_columns_.data(), n_columns_.data() + ceil_div(n, kRowBlock),
                                  [this](uint32_t columns) { return columns == n_cols_; });
    for (size_t g = groups.begin; g < groups.end; ++g) {
      n_group_rows_[g] = static_cast<uint32_t>(full ? n : list_rows(n, g));
    }
  }
  size_t n_groups() const { return n_groups_; }
  const uint32_t* group_rows() const { return group_rows_.data(); }  // (n_groups, n)
  const uint32_t* n_group_rows() const { return n_group_rows_.data(); }

 private:
  size_t list_rows(size_t n, size_t group) {
    uint32_t* rows = group_rows_.data() + group * n;
    size_t count = 0;
    for (size_t block = 0; block * kRowBlock < n; ++block) {
      for (unsigned mask = masks_[block * n_groups_ + group]; mask != 0; mask &= mask - 1) {
        rows[count++] =
            static_cast<uint32_t>(block * kRowBlock) + static_cast<uint32_t>(__builtin_ctz(mask));
      }
    }
    return count;
  }

  size_t n_cols_ = 0;
  size_t n_groups_ = 0;
  Buffer<uint32_t> columns_;
  Buffer<uint32_t> n_columns_;
  Buffer<uint16_t> masks_;
  Buffer<uint32_t> group_rows_;
  Buffer<uint32_t> n_group_rows_;
};

}  // namespace aevb
