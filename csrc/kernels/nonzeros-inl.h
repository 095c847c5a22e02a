// Where data are not zero: products and weight gradients skip the rest, exactly.
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
    const uint32_t found = nonzero_bits(t.x + c, t.ldx, t.rows, t.n_cols - c);
    n += store_bits(found, static_cast<uint32_t>(c), t.columns + n);
  }
  *t.n_columns = static_cast<uint32_t>(n);
}

// Bit i is set where x[i] is not zero, i < kInputBlock: vectors that overlap where they must.
AEVB_INLINE uint32_t input_bits(const float* x) {
  uint32_t found = 0;
  for (size_t c = 0; c < kInputBlock; c += W) {
    const size_t from = c + W <= kInputBlock ? c : kInputBlock - W;
    found |= bits((as_ints(load(x + from)) & 0x7fffffff) != 0) << from;
  }
  return found;
}

void nonzero_rows(const GroupRows& t) {
  constexpr size_t kGroups = kInputBlock / kInputGroup;
  const size_t n_blocks = ceil_div(t.n_cols, kInputBlock);
  for (size_t g = 0; g < n_blocks * kGroups; ++g) t.n_group_rows[g] = 0;
  for (size_t r = 0; r < t.rows; ++r) {
    for (size_t block = 0; block < n_blocks; ++block) {
      const size_t first = block * kInputBlock;
      uint32_t found = input_bits(t.x + r * t.ldx + first);
      if (t.n_cols - first < kInputBlock) found &= (1u << (t.n_cols - first)) - 1;  // not padding
      for (size_t g = 0; g < kGroups; ++g) {
        const size_t group = block * kGroups + g;
        uint32_t& n = t.n_group_rows[group];
        t.group_rows[group * t.rows + n] = static_cast<uint32_t>(r);
        n += (found >> g * kInputGroup & ((1u << kInputGroup) - 1)) != 0;
      }
    }
  }
}

}  // namespace
}  // namespace aevb::AEVB_ISA
