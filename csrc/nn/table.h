// The caller's table: rows of x, with other data per row.
#pragma once

#include "nn/rows.h"

namespace aevb {

struct Table {
  Rows x;
  Rows observed;    // (rows, D) 0 or 1: the cell of x is known; no columns: all are
  Rows conditions;  // columns that are given and not modelled; not in use yet

  size_t n_rows() const { return x.n_rows; }
};

}  // namespace aevb
