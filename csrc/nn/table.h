// The caller's table: rows of x, with other data per row. A value of x that is NaN is missing.
#pragma once

#include "nn/rows.h"

namespace aevb {

struct Table {
  Rows x;
  Rows conditions;  // columns that are given and not modelled; not in use yet

  size_t n_rows() const { return x.n_rows; }
};

}  // namespace aevb
