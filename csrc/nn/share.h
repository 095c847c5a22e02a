// Static shares of work: a thread does the pieces whose running cost falls into its part of the
// total.
#pragma once

#include <algorithm>

#include "parallel.h"

namespace aevb {

// Walks groups of equal pieces in one order on every thread.
class Share {
 public:
  Share(const Member& member, size_t total_cost) : range_(member.share(total_cost)) {}

  // The next n pieces of the given cost: calls f(Range of pieces) if any are this thread's.
  template <class F>
  void pieces(size_t n, size_t cost, F f) {
    const Range mine = {std::min(n, first_piece(range_.begin, cost)),
                        std::min(n, first_piece(range_.end, cost))};
    at_ += n * cost;
    if (!mine.empty()) f(mine);
  }
  // Whether some of the pieces after the group at hand are this thread's.
  bool more() const { return at_ < range_.end; }

 private:
  size_t first_piece(size_t from, size_t cost) const {
    return from <= at_ ? 0 : ceil_div(from - at_, cost);
  }
  Range range_;
  size_t at_ = 0;
};

// Scales a range of blocks to a range of n rows (or inputs).
inline Range block_range(Range blocks, size_t block, size_t n) {
  return {blocks.begin * block, std::min(n, blocks.end * block)};
}

// This thread's rows of n, in whole row blocks.
inline Range share_rows(const Member& member, size_t n) {
  return block_range(member.share(ceil_div(n, kRowBlock)), kRowBlock, n);
}

inline size_t panel_width(size_t n_cols, size_t panel) {
  return std::min(kPanel, n_cols - panel * kPanel);
}

// Cost of a matrix's columns: cache lines, the unit that every instruction set's vectors divide.
inline size_t column_cost(size_t n_cols) { return ceil_div(n_cols, kLineFloats); }

// Shares the panels of n_cols columns, each in `n_blocks` blocks: f(panel, Range of blocks).
template <class F>
void share_panels(Share& share, size_t n_cols, size_t n_blocks, F f) {
  for (size_t panel = 0; panel * kPanel < n_cols; ++panel) {
    share.pieces(n_blocks, column_cost(panel_width(n_cols, panel)),
                 [&](Range blocks) { f(panel, blocks); });
  }
}

}  // namespace aevb
