// Positions of a minibatch's nonzeros, so that the first layer can skip the zeros. Skipping is
// exact: a product with zero adds nothing to a sum that began at 0 or a bias. A block of rows that
// is nearly full is computed whole, and full data list no rows.
#pragma once

#include "kernels/kernels.h"
#include "parallel/work_stealing.h"

namespace aevb {

// Rows of one sum of a weight gradient, so that a panel of their deltas and a task's inputs stay in
// L2: all rows, or even blocks of them.
inline constexpr size_t kMostRowsPerSum = 500;
inline size_t rows_per_sum(size_t rows) {
  return ceil_div(rows, std::max(ceil_div(rows, kMostRowsPerSum), size_t{1}));
}

class Nonzeros {
 public:
  Nonzeros() = default;
  Nonzeros(size_t rows, size_t n_cols)
      : n_cols_(n_cols),
        columns_(checked_product(ceil_div(rows, kSkipBlock), n_cols)),
        n_columns_(ceil_div(rows, kSkipBlock)),
        group_rows_(checked_product(rows, n_groups())),
        n_group_rows_(checked_product(ceil_div(rows, kMostRowsPerSum), n_groups())) {}

  // Finds the nonzero columns of each block of kSkipBlock rows in [begin, end) of x. begin is a
  // multiple of kSkipBlock.
  void find_columns(const Kernels& k, ConstMatView x, Range rows) {
    for (size_t r = rows.begin; r < rows.end; r += kSkipBlock) {
      const size_t block = r / kSkipBlock;
      k.nonzero_columns({.rows = std::min(kSkipBlock, rows.end - r),
                         .n_cols = n_cols_,
                         .x = x.row(r),
                         .ldx = x.stride,
                         .columns = columns_.data() + block * n_cols_,
                         .n_columns = &n_columns_[block]});
    }
  }

  // Whether a block of rows has enough zero columns for a gain by skipping them.
  bool skips(size_t block) const { return 10 * size_t{n_columns_[block]} < 9 * n_cols_; }
  const uint32_t* columns(size_t block) const { return columns_.data() + block * n_cols_; }
  size_t n_columns(size_t block) const { return n_columns_[block]; }

  // Whether no block of the first n rows has anything to skip.
  bool full(size_t n) const {
    return std::all_of(n_columns_.data(), n_columns_.data() + ceil_div(n, kSkipBlock),
                       [this](uint32_t columns) { return columns == n_cols_; });
  }

  // Finds the nonzero rows of x for each group of inputs, in the given blocks of kInputBlock
  // inputs. Not needed if x is full.
  void find_rows(const Kernels& k, ConstMatView x, Range blocks) {
    if (blocks.empty()) return;
    const Range columns = block_range(blocks, kInputBlock, n_cols_);
    for (size_t first = 0, n = 0; first < x.rows; first += n) {
      n = std::min(rows_per_sum(x.rows), x.rows - first);
      k.nonzero_rows({.rows = n,
                      .n_cols = columns.size(),
                      .x = x.row(first) + columns.begin,
                      .ldx = x.stride,
                      .group_rows = group_rows_.data() + at(first, n, columns.begin),
                      .n_group_rows = n_group_rows_.data() +
                                      at(first / rows_per_sum(x.rows), 1, columns.begin)});
    }
  }
  // For the n rows from `first` on that one sum takes, and from an input on that begins a group:
  // the nonzero rows, counted from `first`, (groups, n); and their numbers.
  const uint32_t* group_rows(size_t first, size_t n, size_t input) const {
    return group_rows_.data() + at(first, n, input);
  }
  const uint32_t* n_group_rows(size_t sum, size_t input) const {
    return n_group_rows_.data() + at(sum, 1, input);
  }

 private:
  // The index of a group's n values, after those of the rows or sums before.
  size_t at(size_t before, size_t n, size_t input) const {
    return before * n_groups() + input / kInputGroup * n;
  }
  size_t n_groups() const { return round_up(n_cols_, kInputBlock) / kInputGroup; }

  size_t n_cols_ = 0;
  Buffer<uint32_t> columns_;
  Buffer<uint32_t> n_columns_;
  Buffer<uint32_t> group_rows_;
  Buffer<uint32_t> n_group_rows_;
};

}  // namespace aevb
