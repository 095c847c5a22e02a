// Which rows of the data: a range of them, in their own order or in that of the random split.
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
  bool split = false;  // positions in the order of the split's permutation, else in the data's own
};

// Fills index[0 .. n) with the data rows of subset positions first, first + 1, ...
inline void subset_rows(const Model& model, const Table& table, Subset subset, size_t first,
                        size_t n, int64_t* index) {
  std::iota(index, index + n, static_cast<int64_t>(subset.begin + first));
  if (subset.split)
    Permutation(model.config().seed, Purpose::split, 0, table.n_rows()).apply(index, n);
}

}  // namespace aevb
