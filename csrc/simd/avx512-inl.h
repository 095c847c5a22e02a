// AVX-512 F, BW, DQ and VL.
#pragma once

#include <immintrin.h>

#include "base/sizes.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

AEVB_INLINE Vec fma(Vec a, Vec b, Vec c) {
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
AEVB_INLINE Vec min(Vec a, Vec b) { return (Vec)_mm512_min_ps((__m512)a, (__m512)b); }
AEVB_INLINE Vec max(Vec a, Vec b) { return (Vec)_mm512_max_ps((__m512)a, (__m512)b); }
AEVB_INLINE Vec sqrt(Vec a) { return (Vec)_mm512_sqrt_ps((__m512)a); }
AEVB_INLINE Ints round_to_int(Vec a) { return (Ints)_mm512_cvtps_epi32((__m512)a); }
AEVB_INLINE Words mul_high(Words a, Words b) {
  const __m512i even = _mm512_srli_epi64(_mm512_mul_epu32((__m512i)a, (__m512i)b), 32);
  const __m512i odd =
      _mm512_mul_epu32(_mm512_srli_epi64((__m512i)a, 32), _mm512_srli_epi64((__m512i)b, 32));
  return (Words)_mm512_mask_blend_epi32(0xaaaa, even, odd);
}

// An explicit instruction: GCC may compile fma so that it overwrites a factor with the sum. A tile
// of sums that fills the registers would then be moved and spilt.
AEVB_INLINE void add_product(Vec& sum, Vec a, Vec b) {
  asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}

AEVB_INLINE size_t store_bits(uint32_t set, uint32_t first, uint32_t* out) {
  const __m512i index = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i from = _mm512_set1_epi32(static_cast<int32_t>(first));
  const auto mask = static_cast<__mmask16>(set);
  const auto n = static_cast<size_t>(__builtin_popcount(set));
  _mm512_mask_storeu_epi32(out, static_cast<__mmask16>((1u << n) - 1),
                           _mm512_maskz_compress_epi32(mask, _mm512_add_epi32(index, from)));
  return n;
}

AEVB_INLINE uint32_t bits(Ints mask) { return _mm512_movepi32_mask((__m512i)mask); }

AEVB_INLINE Vec reciprocal_sqrt_estimate(Vec a) { return (Vec)_mm512_rsqrt14_ps((__m512)a); }

// Estimates to 14 bits and a Newton step each, since a root and a quotient take the divider long.
// With y near 1 / sqrt(x), the root of x is x y (3 - x y^2) / 2. For x = v / 4 it is half of
// sqrt(v), which saves the factor 1/2. With q near 1 / d, the quotient is q (2 - d q). The smallest
// normal number keeps x > 0. Where v is inf, inf * 0 would give NaN.
AEVB_INLINE Vec over_sqrt(Vec a, Vec v, float epsilon) {
  const Vec x = fma(set1(0.25f), v, set1(1.17549435e-38f));
  const Vec y = reciprocal_sqrt_estimate(x);
  const Vec half = x * y;
  const Vec d = fma(half, fma(-half, y, set1(3.0f)), set1(epsilon));
  const Vec q = (Vec)_mm512_rcp14_ps((__m512)d);
  const __mmask16 is_finite =
      _mm512_cmp_ps_mask((__m512)v, (__m512)set1(__builtin_inff()), _CMP_NEQ_UQ);
  return (Vec)_mm512_maskz_mul_ps(is_finite, (__m512)(a * q), (__m512)fma(-d, q, set1(2.0f)));
}

// Four columns of rows first, 4 + first, 8 + first and 12 + first: a quarter of the vector each.
// The loads put them in place. Two rounds of shuffles are left, which all use one port.
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

}  // namespace
}  // namespace aevb::AEVB_ISA
