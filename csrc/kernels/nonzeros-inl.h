// Where a block of rows of the data is not zero: products and weight gradients skip the rest,
// exactly.
#pragma once

#include "kernels/kernels.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

inline constexpr size_t kWordBits = 64;
inline constexpr size_t kChunkWords =
    kInputGroup;  // so that a chunk is whole words and whole groups
inline constexpr size_t kChunk = kChunkWords * kWordBits;

// Bits of the entries of x (n <= kChunk) that are not zero; NaN is not zero. Padding after n is
// read.
AEVB_INLINE void nonzero_bits(const float* x, size_t n, uint64_t word[kChunkWords]) {
  for (size_t w = 0; w < kChunkWords; ++w) word[w] = 0;
  for (size_t c = 0; c < n; c += W) {
    word[c / kWordBits] |= static_cast<uint64_t>(bits(load(x + c) != 0.0f)) << c % kWordBits;
  }
  if (n % kWordBits != 0) word[n / kWordBits] &= (uint64_t{1} << n % kWordBits) - 1;
}

// Bit r of masks[g] says whether row r has a nonzero among the inputs of group g.
AEVB_INLINE void group_masks(const uint64_t word[kChunkWords], size_t n_groups, size_t r,
                             uint16_t* masks) {
  constexpr uint64_t kGroupBits = (uint64_t{1} << kInputGroup) - 1;
  for (size_t g = 0; g < n_groups; ++g) {
    const size_t at = g * kInputGroup / kWordBits;
    const size_t shift = g * kInputGroup % kWordBits;
    uint64_t group = word[at] >> shift;
    if (shift + kInputGroup > kWordBits) group |= word[at + 1] << (kWordBits - shift);
    masks[g] = static_cast<uint16_t>(masks[g] | ((group & kGroupBits) != 0 ? 1u << r : 0u));
  }
}

// Whether a row is so full that its block has nothing to skip.
AEVB_INLINE bool nearly_full(const float* x, size_t n_cols) {
  size_t n = 0;
  for (size_t first = 0; first < n_cols; first += kChunk) {
    uint64_t word[kChunkWords];
    nonzero_bits(x + first, n_cols - first < kChunk ? n_cols - first : kChunk, word);
    for (const uint64_t w : word) n += static_cast<size_t>(__builtin_popcountll(w));
  }
  return 10 * n >= 9 * n_cols;
}

void nonzeros(const BlockNonzeros& t) {
  if (nearly_full(t.x, t.n_cols)) {  // all of it counts as nonzero; columns are not listed
    *t.n_columns = static_cast<uint32_t>(t.n_cols);
    const auto all = static_cast<uint16_t>((1u << t.rows) - 1);
    for (size_t g = 0; g < ceil_div(t.n_cols, kInputGroup); ++g) t.masks[g] = all;
    return;
  }
  size_t n = 0;
  for (size_t first = 0; first < t.n_cols; first += kChunk) {
    const size_t width = t.n_cols - first < kChunk ? t.n_cols - first : kChunk;
    const size_t n_groups = ceil_div(width, kInputGroup);
    uint16_t* masks = t.masks + first / kInputGroup;
    for (size_t g = 0; g < n_groups; ++g) masks[g] = 0;
    uint64_t any[kChunkWords] = {};
    for (size_t r = 0; r < t.rows; ++r) {
      uint64_t word[kChunkWords];
      nonzero_bits(t.x + r * t.ldx + first, width, word);
      for (size_t w = 0; w < kChunkWords; ++w) any[w] |= word[w];
      group_masks(word, n_groups, r, masks);
    }
    for (size_t w = 0; w < kChunkWords; ++w) {
      for (uint64_t left = any[w]; left != 0; left &= left - 1) {
        t.columns[n++] = static_cast<uint32_t>(first + w * kWordBits +
                                               static_cast<size_t>(__builtin_ctzll(left)));
      }
    }
  }
  *t.n_columns = static_cast<uint32_t>(n);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
