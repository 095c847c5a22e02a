// The caller's data set: rows read in place through a typed gather (bind/gather.pyx), never copied
// whole.
#pragma once

#include "base.h"

namespace aevb {

struct Rows;

// Writes rows index[0 .. n) as floats times `scale` to out (n, n_cols) with the given row stride.
using Gather = void (*)(const Rows* rows, const int64_t* index, size_t n, float* out,
                        size_t stride) noexcept;

struct Rows {
  Gather gather = nullptr;
  char type = 'f';             // NumPy's type character of the values
  char index_type = '\0';      // the same of CSR's indices; 0: dense
  const void* data = nullptr;  // dense: element (0, 0); CSR: the stored values
  ptrdiff_t row_stride = 0;    // dense, in bytes
  ptrdiff_t col_stride = 0;
  const void* indptr = nullptr;  // CSR
  const void* indices = nullptr;
  size_t n_rows = 0;
  size_t n_cols = 0;
  float scale = 1.0f;
  // Whether every scaled value must be seen to lie in [low, high] as it is read (NaN never does);
  // otherwise the caller has looked.
  bool guarded = false;
  float low = 0.0f, high = 0.0f;
};

}  // namespace aevb
