// The order of the rows in an epoch.
#pragma once

#include <numeric>

#include "algorithms/slice.h"

namespace aevb {

// The epoch's permutation of the subset, followed by that of the split.
class EpochOrder {
 public:
  EpochOrder(const Model& model, const Table& table, const EpochSlice& slice)
      : in_split_(slice.subset.split),
        begin_(slice.subset.begin),
        split_(model.config().seed, Purpose::split, 0, table.n_rows()),
        epoch_(model.config().seed, Purpose::epoch, slice.epoch, slice.subset.size) {}

  // The data rows at positions [first, first + n) of the epoch.
  void rows(size_t first, size_t n, int64_t* out) const {
    std::iota(out, out + n, static_cast<int64_t>(first));
    epoch_.apply(out, n);
    for (size_t i = 0; i < n; ++i) out[i] += static_cast<int64_t>(begin_);
    if (in_split_) split_.apply(out, n);
  }

 private:
  bool in_split_;
  size_t begin_;
  Permutation split_;
  Permutation epoch_;
};

}  // namespace aevb
