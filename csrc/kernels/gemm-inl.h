// C = start + A B for one column panel: register tiles of R rows by C vectors, A broadcast, B from
// the panel.
//
// Register budget: AVX-512 has 32 registers: 10 x 2 accumulators + 2 of B + 1 of A. AVX2 and SSE
// have 16: 5 x 2 + 2 + 1. Ten rows halve the bytes of B per FMA against 5 x 4. Every element is one
// chain of FMAs over k from its start value, whatever R and C, so that how rows are grouped never
// changes a bit of the result.
#pragma once

#include "kernels/kernels.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

inline constexpr size_t kProductRows = W == 16 ? 10 : 5;
inline constexpr size_t kProductVectors = 2;

template <bool kListed, size_t R, size_t C>
AEVB_INLINE void product_tile(const PanelProduct& p, const float* a, const float* b,
                              const float* bias, float* c) {
  Vec acc[R][C];
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < C; ++v) {
      acc[r][v] = p.accumulate      ? load(c + r * p.ldc + v * W)
                  : bias != nullptr ? load(bias + v * W)
                                    : Vec{};
    }
  }
  for (size_t i = 0; i < p.k; ++i) {
    const size_t k = kListed ? p.columns[i] : i;
    Vec bk[C];
#pragma GCC unroll 4
    for (size_t v = 0; v < C; ++v) bk[v] = load(b + k * kPanel + v * W);
#pragma GCC unroll 16
    for (size_t r = 0; r < R; ++r) {
      const Vec ak = set1(a[r * p.lda + k]);
#pragma GCC unroll 4
      for (size_t v = 0; v < C; ++v) acc[r][v] = fma(ak, bk[v], acc[r][v]);
    }
  }
#pragma GCC unroll 16
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < C; ++v) store(c + r * p.ldc + v * W, acc[r][v]);
  }
}

// R rows, all of the panel's columns.
template <bool kListed, size_t R>
void product_rows(const PanelProduct& p, size_t row) {
  const float* a = p.a + row * p.lda;
  float* c = p.c + row * p.ldc;
  size_t col = 0;
  for (; col + W < p.n_cols; col += kProductVectors * W) {
    product_tile<kListed, R, kProductVectors>(p, a, p.b + col, p.bias ? p.bias + col : nullptr,
                                              c + col);
  }
  if (col < p.n_cols)
    product_tile<kListed, R, 1>(p, a, p.b + col, p.bias ? p.bias + col : nullptr, c + col);
}

template <bool kListed, size_t R>
void product_last_rows(const PanelProduct& p, size_t row) {
  if constexpr (R > 0) {
    if (p.rows - row == R) return product_rows<kListed, R>(p, row);
    product_last_rows<kListed, R - 1>(p, row);
  }
}

template <bool kListed>
void product_panel(const PanelProduct& p) {
  size_t row = 0;
  for (; row + kProductRows <= p.rows; row += kProductRows)
    product_rows<kListed, kProductRows>(p, row);
  product_last_rows<kListed, kProductRows - 1>(p, row);
}

void product(const PanelProduct& p) {
  p.columns != nullptr ? product_panel<true>(p) : product_panel<false>(p);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
