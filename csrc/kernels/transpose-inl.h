// Transposition of a block of a weight panel, for the data gradients (they multiply by W^T).
#pragma once

#include "kernels/kernels.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// W x W block: out[j][i] = in[i][j].
#if defined(__AVX512F__)
// Four columns of rows first, 4 + first, 8 + first and 12 + first, a quarter of the vector each.
// The loads put them in place, so that only two rounds of shuffles, which have one port, are left.
template <int first>
AEVB_INLINE __m512 quarters(const float* in) {
  const auto at = [&](int i) {
    return _mm_loadu_ps(in + static_cast<size_t>(4 * i + first) * kPanel);
  };
  __m512 v = _mm512_castps128_ps512(at(0));
  v = _mm512_mask_broadcast_f32x4(v, 0x00f0, at(1));
  v = _mm512_mask_broadcast_f32x4(v, 0x0f00, at(2));
  return _mm512_mask_broadcast_f32x4(v, 0xf000, at(3));
}
AEVB_INLINE void transpose_block(const float* in, float* out) {
#pragma GCC unroll 4
  for (size_t c = 0; c < W; c += 4) {
    const __m512 r[4] = {quarters<0>(in + c), quarters<1>(in + c), quarters<2>(in + c),
                         quarters<3>(in + c)};
    const auto pairs = [](__m512 v) { return _mm512_castps_pd(v); };
    const __m512d a = pairs(_mm512_unpacklo_ps(r[0], r[1])),
                  b = pairs(_mm512_unpackhi_ps(r[0], r[1]));
    const __m512d d = pairs(_mm512_unpacklo_ps(r[2], r[3])),
                  e = pairs(_mm512_unpackhi_ps(r[2], r[3]));
    const __m512d columns[4] = {_mm512_unpacklo_pd(a, d), _mm512_unpackhi_pd(a, d),
                                _mm512_unpacklo_pd(b, e), _mm512_unpackhi_pd(b, e)};
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) _mm512_storeu_pd(out + (c + i) * kPanel, columns[i]);
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

// The panel's columns are padded to whole vectors (with zeros) and so is `out`, which has kPanel
// rows.
void transpose(size_t n_rows, size_t n_cols, const float* w, float* out) {
  const auto transpose_rows = [&](const float* rows, float* to) {
    for (size_t col = 0; col < n_cols; col += W) transpose_block(rows + col, to + col * kPanel);
  };
  const size_t whole = n_rows / W * W;
  for (size_t row = 0; row < whole; row += W) transpose_rows(w + row * kPanel, out + row);
  if (whole == n_rows) return;
  float last[W * kPanel] = {};  // what is left over, and rows of zeros
  std::memcpy(last, w + whole * kPanel, (n_rows - whole) * kPanel * sizeof(float));
  transpose_rows(last, out + whole);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
