// C = start + A B for one column panel, in register tiles of R rows by C vectors. A is broadcast, B
// comes from the panel.
//
// Register budget: AVX-512 has 32 registers: 10 x 2 sums + 2 of B + 1 of A. Ten rows halve the
// bytes of B per FMA against 5 x 4. AVX2 and SSE have 16: 3 x 4 sums + 1 of B + 3 of A. Four
// vectors are two whole cache lines of each row of B; they come from L3 faster than the single line
// of 5 x 2. Each element is one chain of FMAs over k from its start value, for any R and C. So the
// tile of a row never changes a bit of the result.
#pragma once

#include "kernels/kernels.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// Vectors of a tile. With listed columns the rows come in blocks of kSkipBlock, which fit one tile.
template <bool kListed>
inline constexpr size_t kProductVectors = kManyRegisters == kListed ? 4 : 2;

// Terms between two prefetches. Listed columns are few, while the next panel has as many lines as
// ever.
template <bool kListed>
inline constexpr size_t kTermsPerFetch = kListed ? 1 : 4;

// How many rows ahead the first tile prefetches B, where B may lie beyond L2.
inline constexpr size_t kFetchAhead = 64;

// Rows of a tile of C vectors: as many sums as fit in the registers.
constexpr size_t product_rows(size_t C) {
  if (kManyRegisters) return C >= 3 ? 5 : 10;
  return C >= 3 ? 3 : C == 2 ? 5 : 10;
}

template <bool kListed, bool kFetch, size_t R, size_t C>
AEVB_INLINE void product_tile(const PanelProduct& p, size_t row, size_t col) {
  const float* a = p.a + row * p.lda;
  const float* b = p.b + col;
  float* c = p.c + row * p.ldc + col;
  Vec acc[R][C];
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < C; ++v) {
      acc[r][v] = p.accumulate        ? load(c + r * p.ldc + v * W)
                  : p.bias != nullptr ? load(p.bias + col + v * W)
                                      : Vec{};
    }
  }
  const auto add_term = [&](size_t i) __attribute__((always_inline)) {
    const size_t k = kListed ? p.columns[i] : i;
    Vec bk[C];
#pragma GCC unroll 4
    for (size_t v = 0; v < C; ++v) bk[v] = load(b + k * kPanel + v * W);
    if constexpr (kFetch) {
#pragma GCC unroll 2
      for (size_t c = 0; c < C * W; c += kLineFloats)
        __builtin_prefetch(b + (k + kFetchAhead) * kPanel + c);
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < R; ++r) {
      const Vec ak = set1(a[r * p.lda + k]);
#pragma GCC unroll 4
      for (size_t v = 0; v < C; ++v) add_product(acc[r][v], ak, bk[v]);
    }
  };
  PrefetchCursor prefetch = p.prefetch != nullptr ? *p.prefetch : PrefetchCursor();
  size_t i = 0;
  for (; i + kTermsPerFetch<kListed> <= p.k; i += kTermsPerFetch<kListed>) {
    if (!prefetch.empty()) fetch_into_l2(prefetch.line());
#pragma GCC unroll 4
    for (size_t n = 0; n < kTermsPerFetch<kListed>; ++n) add_term(i + n);
  }
  for (; i < p.k; ++i) add_term(i);
  if (p.prefetch != nullptr) *p.prefetch = prefetch;
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < C; ++v) store(c + r * p.ldc + v * W, acc[r][v]);
  }
}

// A tile of `rows` <= R rows.
template <bool kListed, size_t R, size_t C>
void product_tile_of(const PanelProduct& p, size_t rows, size_t row, size_t col) {
  if constexpr (R > 0) {
    if (rows == R) {
      if (!kListed && p.cold && row == 0) return product_tile<kListed, true, R, C>(p, row, col);
      return product_tile<kListed, false, R, C>(p, row, col);
    }
    product_tile_of<kListed, R - 1, C>(p, rows, row, col);
  }
}

// All rows of columns [col, col + C vectors). The tiles are as even as possible: a last tile of one
// row would wait for its own sums.
template <bool kListed, size_t C>
void product_columns(const PanelProduct& p, size_t col) {
  const size_t n_tiles = ceil_div(p.rows, product_rows(C));
  for (size_t t = 0; t < n_tiles; ++t) {
    const size_t begin = p.rows * t / n_tiles;
    const size_t end = p.rows * (t + 1) / n_tiles;
    product_tile_of<kListed, product_rows(C), C>(p, end - begin, begin, col);
  }
}

// All columns of the panel: tiles of C vectors as long as they fit, then narrower tiles.
template <bool kListed, size_t C = kProductVectors<kListed>>
void product_panel(const PanelProduct& p, size_t col = 0) {
  if constexpr (C > 0) {
    for (; col + (C - 1) * W < p.n_cols; col += C * W) product_columns<kListed, C>(p, col);
    product_panel<kListed, C - 1>(p, col);
  }
}

void product(const PanelProduct& p) {
  p.columns != nullptr ? product_panel<true>(p) : product_panel<false>(p);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
