// Sizes that the layout of memory and the sharing of work follow from.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aevb {

inline constexpr size_t kCacheLine = 64;
inline constexpr size_t kLineFloats = kCacheLine / sizeof(float);

// Weights lie in column panels of this many floats, [panel][k][kPanel]: four AVX-512, eight AVX2
// vectors.
inline constexpr size_t kPanel = 64;

// Rows of a product and inputs of a weight gradient are shared among threads in blocks of these
// sizes: multiples of AVX-512's register tiles' heights, so that no share has a ragged tile inside.
inline constexpr size_t kRowBlock = 10;
inline constexpr size_t kInputBlock = 20;

// Rows whose empty columns are skipped together in a product. Divides kRowBlock.
inline constexpr size_t kSkipBlock = 5;

// Inputs for which rows without a nonzero are skipped together in a weight gradient: one register
// tile of the update takes them. Divides kInputBlock.
inline constexpr size_t kInputGroup = 5;

constexpr size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
constexpr size_t round_up(size_t a, size_t b) { return ceil_div(a, b) * b; }

// Row stride (floats) of an activation matrix: whole panels can be stored to it without a mask, and
// an odd number of cache lines keeps successive rows out of the same L1 sets.
constexpr size_t row_stride(size_t n_cols) {
  return (ceil_div(n_cols, kPanel) * (kPanel / kLineFloats) + 1) * kLineFloats;
}

inline constexpr double kHalfLog2Pi = 0.91893853320467274;

struct Range {
  size_t begin = 0;
  size_t end = 0;
  bool empty() const { return begin >= end; }
  size_t size() const { return empty() ? 0 : end - begin; }
};

}  // namespace aevb
