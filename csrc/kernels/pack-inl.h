// A layer's inputs regrouped for its weight gradient, with the rows that each group needs.
#pragma once

#include "kernels/kernels.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

inline constexpr size_t kBlockGroups = kInputBlock / kInputGroup;

// Bit i is set where x[i] is not zero, i < kInputBlock: vectors that overlap where they must.
AEVB_INLINE uint32_t input_bits(const float* x) {
  uint32_t found = 0;
  for (size_t c = 0; c < kInputBlock; c += W) {
    const size_t from = c + W <= kInputBlock ? c : kInputBlock - W;
    found |= bits((as_ints(load(x + from)) & 0x7fffffff) != 0) << from;
  }
  return found;
}

// Blocks are copied a few at a time: together they are whole cache lines of each row.
inline constexpr size_t kPackedTogether = 4;

void copy_blocks(const InputBlocks& t, size_t first, size_t n) {
  const float* x = t.x + first * kInputBlock;
  float* out = t.out + first * kInputBlock * t.rows;
  for (size_t r = 0; r < t.rows; ++r) {
    for (size_t b = 0; b < n; ++b) {
      std::memcpy(out + (b * t.rows + r) * kInputBlock, x + r * t.ldx + b * kInputBlock,
                  kInputBlock * sizeof(float));
    }
  }
}

// The rows with a nonzero in each of a block's groups; columns from `n_cols` on are padding.
void list_rows(size_t rows, size_t n_cols, const float* block, uint32_t* group_rows,
               uint32_t* n_group_rows) {
  const uint32_t real = n_cols < kInputBlock ? (1u << n_cols) - 1 : (1u << kInputBlock) - 1;
  uint32_t count[kBlockGroups] = {};
  for (size_t r = 0; r < rows; ++r) {
    const uint32_t found = input_bits(block + r * kInputBlock) & real;
    for (size_t g = 0; g < kBlockGroups; ++g) {
      group_rows[g * rows + count[g]] = static_cast<uint32_t>(r);
      count[g] += (found >> g * kInputGroup & ((1u << kInputGroup) - 1)) != 0;
    }
  }
  for (size_t g = 0; g < kBlockGroups; ++g) n_group_rows[g] = count[g];
}

void pack_inputs(const InputBlocks& t) {
  const size_t n_blocks = ceil_div(t.n_cols, kInputBlock);
  for (size_t b = 0; b < n_blocks; b += kPackedTogether)
    copy_blocks(t, b, n_blocks - b < kPackedTogether ? n_blocks - b : kPackedTogether);
  for (size_t b = 0; t.group_rows != nullptr && b < n_blocks; ++b) {
    list_rows(t.rows, t.n_cols - b * kInputBlock, t.out + b * kInputBlock * t.rows,
              t.group_rows + b * kBlockGroups * t.rows, t.n_group_rows + b * kBlockGroups);
  }
}

}  // namespace
}  // namespace aevb::AEVB_ISA
