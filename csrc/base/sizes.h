// Sizes that determine the memory layout and the division of work among threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aevb {

inline constexpr size_t kCacheLine = 64;
inline constexpr size_t kLineFloats = kCacheLine / sizeof(float);

// Columns of a panel. Weights lie in panels, [panel][k][kPanel]. One row of a panel is four AVX-512
// or eight AVX2 vectors.
inline constexpr size_t kPanel = 64;

// Threads share the rows of a product, and the inputs of a weight gradient, in blocks of these
// sizes. They are multiples of the heights of AVX-512's register tiles, so only the last tile can
// be incomplete.
inline constexpr size_t kRowBlock = 10;
inline constexpr size_t kInputBlock = 20;

// Rows of a block in which a product skips columns of zeros. Divides kRowBlock.
inline constexpr size_t kSkipBlock = 5;

// Inputs of a group for which a weight gradient skips rows of zeros: one register tile of the
// update. Divides kInputBlock.
inline constexpr size_t kInputGroup = 5;

constexpr size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
constexpr size_t round_up(size_t a, size_t b) { return ceil_div(a, b) * b; }

// Row stride of an activation matrix, in floats. Kernels may store whole panels without a mask. The
// odd number of cache lines puts successive rows into different L1 sets.
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
