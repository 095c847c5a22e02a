// Transposition of a block of a weight panel, for the data gradients (they multiply by W^T).
#pragma once

#include "kernels/kernels.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// W x W block: out[j][i] = in[i][j].
#if defined(__AVX512F__)
AEVB_INLINE void transpose_block(const float* in, float* out) {
  __m512 r[16], t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(in + static_cast<size_t>(i) * kPanel);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {  // pairs of rows
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16;
       i += 4) {  // fours: r[i + c] holds columns c, 4 + c, 8 + c, 12 + c of rows i .. i + 3
    for (int c = 0; c < 2; ++c) {
      const __m512d low = _mm512_castps_pd(t[i + c]);
      const __m512d high = _mm512_castps_pd(t[i + c + 2]);
      r[i + 2 * c] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
      r[i + 2 * c + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {                                   // 128-bit lanes of the four fours
    const __m512 a = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88);  // lanes 0, 2 of rows 0-3 and 4-7
    const __m512 b =
        _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88);          // the same of rows 8-11 and 12-15
    const __m512 d = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xdd);  // lanes 1, 3
    const __m512 e = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xdd);
    _mm512_storeu_ps(out + static_cast<size_t>(c) * kPanel, _mm512_shuffle_f32x4(a, b, 0x88));
    _mm512_storeu_ps(out + static_cast<size_t>(c + 4) * kPanel, _mm512_shuffle_f32x4(d, e, 0x88));
    _mm512_storeu_ps(out + static_cast<size_t>(c + 8) * kPanel, _mm512_shuffle_f32x4(a, b, 0xdd));
    _mm512_storeu_ps(out + static_cast<size_t>(c + 12) * kPanel, _mm512_shuffle_f32x4(d, e, 0xdd));
  }
}
#elif defined(__AVX2__)
AEVB_INLINE void transpose_block(const float* in, float* out) {
  __m256 r[8], t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(in + static_cast<size_t>(i) * kPanel);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    for (int c = 0; c < 2; ++c) {
      r[i + 2 * c] = _mm256_shuffle_ps(t[i + c], t[i + c + 2], 0x44);
      r[i + 2 * c + 1] = _mm256_shuffle_ps(t[i + c], t[i + c + 2], 0xee);
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    _mm256_storeu_ps(out + static_cast<size_t>(c) * kPanel,
                     _mm256_permute2f128_ps(r[c], r[4 + c], 0x20));
    _mm256_storeu_ps(out + static_cast<size_t>(c + 4) * kPanel,
                     _mm256_permute2f128_ps(r[c], r[4 + c], 0x31));
  }
}
#else
AEVB_INLINE void transpose_block(const float* in, float* out) {
  for (size_t i = 0; i < W; ++i) {
    for (size_t j = 0; j < W; ++j) out[j * kPanel + i] = in[i * kPanel + j];
  }
}
#endif

// Rows that are left over, one by one; a missing row (null) is zero.
void transpose_row(size_t n_cols, const float* in, float* out) {
  for (size_t j = 0; j < n_cols; ++j) out[j * kPanel] = in != nullptr ? in[j] : 0.0f;
}

// The panel's columns are padded to whole vectors (with zeros) and so is `out`, which has kPanel
// rows.
void transpose(size_t n_rows, size_t n_cols, const float* w, float* out) {
  size_t row = 0;
  for (; row + W <= n_rows; row += W) {
    for (size_t col = 0; col < n_cols; col += W)
      transpose_block(w + row * kPanel + col, out + col * kPanel + row);
  }
  const size_t end = round_up(n_rows, W);
  for (; row < end; ++row)
    transpose_row(n_cols, row < n_rows ? w + row * kPanel : nullptr, out + row);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
