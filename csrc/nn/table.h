// The caller's table: rows of x, and what comes with each.
#pragma once

#include "nn/rows.h"

namespace aevb {

struct Table {
  Rows x;
  Rows observed;    // which cells of x are known, 0 or 1; no columns: all of them
  Rows conditions;  // columns that are given and not modelled; none yet

  size_t n_rows() const { return x.n_rows; }
};

}  // namespace aevb
