// AVX2 and FMA.
#pragma once

#include <immintrin.h>

#include "base/sizes.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

AEVB_INLINE Vec fma(Vec a, Vec b, Vec c) {
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
AEVB_INLINE Vec min(Vec a, Vec b) { return (Vec)_mm256_min_ps((__m256)a, (__m256)b); }
AEVB_INLINE Vec max(Vec a, Vec b) { return (Vec)_mm256_max_ps((__m256)a, (__m256)b); }
AEVB_INLINE Vec sqrt(Vec a) { return (Vec)_mm256_sqrt_ps((__m256)a); }
AEVB_INLINE Ints round_to_int(Vec a) { return (Ints)_mm256_cvtps_epi32((__m256)a); }
AEVB_INLINE Words mul_high(Words a, Words b) {
  const __m256i even = _mm256_srli_epi64(_mm256_mul_epu32((__m256i)a, (__m256i)b), 32);
  const __m256i odd =
      _mm256_mul_epu32(_mm256_srli_epi64((__m256i)a, 32), _mm256_srli_epi64((__m256i)b, 32));
  return (Words)_mm256_blend_epi32(even, odd, 0xaa);
}

AEVB_INLINE uint32_t bits(Ints mask) {
  return static_cast<uint32_t>(_mm256_movemask_ps((__m256)mask));
}

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

}  // namespace
}  // namespace aevb::AEVB_ISA

#include "simd/narrow-inl.h"
