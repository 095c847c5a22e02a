// Which columns of a block of rows are not zero everywhere: products skip the rest, exactly.
#pragma once

#include "kernels/kernels.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// Bits of W columns from x that are not zero in one of the rows; NaN is not zero. Columns from `n`
// on are padding.
AEVB_INLINE uint32_t nonzero_bits(const float* x, size_t ldx, size_t rows, size_t n) {
  Ints any = as_ints(load(x));
  for (size_t r = 1; r < rows; ++r) any |= as_ints(load(x + r * ldx));
  const uint32_t found = bits((any & 0x7fffffff) != 0);
  return n < W ? found & ((1u << n) - 1) : found;
}

void nonzero_columns(const BlockColumns& t) {
  // A first row that is nearly full leaves nothing to skip: all columns count, none is listed.
  size_t n_first = 0;
  for (size_t c = 0; c < t.n_cols; c += W)
    n_first += static_cast<size_t>(__builtin_popcount(nonzero_bits(t.x + c, 0, 1, t.n_cols - c)));
  if (10 * n_first >= 9 * t.n_cols) {
    *t.n_columns = static_cast<uint32_t>(t.n_cols);
    return;
  }
  size_t n = 0;
  for (size_t c = 0; c < t.n_cols; c += W) {
    for (uint32_t left = nonzero_bits(t.x + c, t.ldx, t.rows, t.n_cols - c); left != 0;
         left &= left - 1) {
      t.columns[n++] = static_cast<uint32_t>(c) + static_cast<uint32_t>(__builtin_ctz(left));
    }
  }
  *t.n_columns = static_cast<uint32_t>(n);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
