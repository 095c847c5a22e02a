// A subset of the data's rows: a range, in the data's order or in that of the random split.
#pragma once

#include <numeric>

#include "model/model.h"
#include "nn/random.h"
#include "nn/table.h"

namespace aevb {

// Positions [begin, begin + size) of the data.
struct Subset {
  size_t begin = 0;
  size_t size = 0;
  bool split = false;  // positions in the order of the split's permutation, not in the data's order
};

// Fills index[0 .. n) with the data rows at positions first, first + 1, ... of the subset.
inline void subset_rows(const Model& model, const Table& table, Subset subset, size_t first,
                        size_t n, int64_t* index) {
  std::iota(index, index + n, static_cast<int64_t>(subset.begin + first));
  if (subset.split)
    Permutation(model.config().seed, Purpose::split, 0, table.n_rows()).apply(index, n);
}

}  // namespace aevb
