// Positions of nonzero data, so that products and weight gradients can skip the zeros exactly.
#pragma once

#include "kernels/kernels.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// Bit i is set if column i of W columns has a nonzero in one of the rows. NaN is a nonzero. Columns
// from `n` on are padding and give 0.
AEVB_INLINE uint32_t nonzero_bits(const float* x, size_t ldx, size_t rows, size_t n) {
  Ints any = as_ints(load(x));
  for (size_t r = 1; r < rows; ++r) any |= as_ints(load(x + r * ldx));
  const uint32_t found = bits((any & 0x7fffffff) != 0);
  return n < W ? found & ((1u << n) - 1) : found;
}

void nonzero_columns(const BlockColumns& t) {
  // If the first row is nearly full there is nothing to skip: all columns count, and none is
  // listed.
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

// Bit i is set where x[i] is not zero, i < kInputBlock. The last vectors may overlap.
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
  for (size_t first = 0; first < t.n_cols; first += kInputBlock) {
    const uint32_t inside = t.n_cols - first < kInputBlock ? (1u << (t.n_cols - first)) - 1 : ~0u;
    const size_t group = first / kInputGroup;
    uint32_t n[kGroups] = {};
    for (size_t r = 0; r < t.rows; r += W) {
      uint32_t found[W] = {};  // of W rows; bit i is input i of the block
      for (size_t i = 0; i < W && r + i < t.rows; ++i)
        found[i] = input_bits(t.x + (r + i) * t.ldx + first) & inside;
      const Words rows = load(found);
      for (size_t g = 0; g < kGroups; ++g) {
        const uint32_t of_group = ((1u << kInputGroup) - 1) << g * kInputGroup;
        n[g] += store_bits(bits((rows & of_group) != 0), static_cast<uint32_t>(r),
                           t.group_rows + (group + g) * t.rows + n[g]);
      }
    }
    std::memcpy(t.n_group_rows + group, n, sizeof n);
  }
}

}  // namespace
}  // namespace aevb::AEVB_ISA
