// C = start + A B^T for one panel of rows of B: the data gradient from the weights as they are
// stored. The columns of B lie in panels, as those of W do. Both operands are read along k. So each
// element is W partial sums, which are added at the end.
//
// Register budget: AVX-512 has 6 x 4 sums + 4 of B + 1 of A; AVX2 and SSE have 3 x 4 + 3 of A + 1
// of B. The tile of a row or a column never changes a bit of the result.
#pragma once

#include "kernels/kernels.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

inline constexpr size_t kDotRows = kManyRegisters ? 6 : 3;
inline constexpr size_t kDotColumns = 4;

// Adds the lanes of the sums of R rows and C <= 4 columns, and stores the results to C.
template <size_t R, size_t C>
AEVB_INLINE void store_sums(const ProductTransposed& p, const Vec (&sum)[R][C], size_t row,
                            size_t col) {
  constexpr size_t kRows = W / 4;  // rows whose sums fill one vector
#pragma GCC unroll 6
  for (size_t first = 0; first < R; first += kRows) {
    Vec v[W] = {};
#pragma GCC unroll 16
    for (size_t i = 0; i < W; ++i) {
      if (first + i / 4 < R && i % 4 < C) v[i] = sum[first + i / 4][i % 4];
    }
    float sums[kRows][4];
    store(sums[0], combine_lanes(v, [](Vec a, Vec b) { return a + b; }));
    for (size_t r = 0; r < kRows; ++r) {
      if (first + r == R) break;
      float* c = p.c + (row + first + r) * p.ldc + col;
      if (p.accumulate) {
        for (size_t i = 0; i < C; ++i) sums[r][i] += c[i];
      }
      std::memcpy(c, sums[r], C * sizeof(float));
    }
  }
}

template <size_t R, size_t C>
AEVB_INLINE void dot_tile(const ProductTransposed& p, size_t row, size_t col) {
  const float* a[R];
#pragma GCC unroll 6
  for (size_t r = 0; r < R; ++r) a[r] = p.a + (row + r) * p.lda;
  const float* b = p.b + col * kPanel;
  Vec sum[R][C] = {};
  // Adds the products of one vector of terms, which begins at term k and at column j of b's panel.
  // `part` is applied to both factors.
  const auto add_terms = [&](size_t k, size_t j, auto part) __attribute__((always_inline)) {
    if constexpr (kManyRegisters) {
      Vec bc[C];
#pragma GCC unroll 4
      for (size_t c = 0; c < C; ++c) bc[c] = part(load(b + c * kPanel + j));
#pragma GCC unroll 6
      for (size_t r = 0; r < R; ++r) {
        const Vec ar = part(load(a[r] + k));
#pragma GCC unroll 4
        for (size_t c = 0; c < C; ++c) add_product(sum[r][c], ar, bc[c]);
      }
    } else {
      Vec ar[R];
#pragma GCC unroll 3
      for (size_t r = 0; r < R; ++r) ar[r] = part(load(a[r] + k));
#pragma GCC unroll 4
      for (size_t c = 0; c < C; ++c) {
        const Vec bc = part(load(b + c * kPanel + j));
#pragma GCC unroll 3
        for (size_t r = 0; r < R; ++r) add_product(sum[r][c], ar[r], bc);
      }
    }
  };
  const auto whole = [](Vec v) { return v; };
  PrefetchCursor prefetch = p.prefetch != nullptr ? *p.prefetch : PrefetchCursor();
  size_t k = 0;
  for (; k + kPanel <= p.k; k += kPanel, b += p.panel_stride) {
    if (!prefetch.empty()) fetch_into_l2(prefetch.line());
#pragma GCC unroll 16
    for (size_t j = 0; j < kPanel; j += W) add_terms(k + j, j, whole);
  }
  size_t j = 0;
  for (; k + j + W <= p.k; j += W) add_terms(k + j, j, whole);
  if (k + j < p.k) {
    const Ints real = first_lanes(p.k - k - j);  // the other lanes hold anything
    add_terms(k + j, j, [&](Vec v) { return select(real, v, Vec{}); });
  }
  if (p.prefetch != nullptr) *p.prefetch = prefetch;
  store_sums(p, sum, row, col);
}

template <size_t R, size_t C>
void dot_tile_of(const ProductTransposed& p, size_t rows, size_t row, size_t col) {
  if constexpr (R > 0) {
    if (rows == R) return dot_tile<R, C>(p, row, col);
    dot_tile_of<R - 1, C>(p, rows, row, col);
  }
}

// Each tile of A's rows stays in L1 while all rows of B are read. (The other order, blocks of B in
// L1, is a fiftieth slower.)
void product_transposed(const ProductTransposed& p) {
  const size_t n_tiles = ceil_div(p.rows, kDotRows);
  for (size_t t = 0; t < n_tiles; ++t) {
    const size_t begin = p.rows * t / n_tiles;
    const size_t end = p.rows * (t + 1) / n_tiles;
    size_t col = 0;
    for (; col + kDotColumns <= p.n_cols; col += kDotColumns)
      dot_tile_of<kDotRows, kDotColumns>(p, end - begin, begin, col);
    for (; col < p.n_cols; ++col) dot_tile_of<kDotRows, 1>(p, end - begin, begin, col);
  }
}

}  // namespace
}  // namespace aevb::AEVB_ISA
