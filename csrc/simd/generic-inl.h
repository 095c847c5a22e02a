// Vectors of four floats, in plain C++ that the compiler vectorises.
#pragma once

#include "base/sizes.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

AEVB_INLINE Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
AEVB_INLINE Vec min(Vec a, Vec b) { return select(a < b, a, b); }
AEVB_INLINE Vec max(Vec a, Vec b) { return select(a > b, a, b); }
AEVB_INLINE Vec sqrt(Vec a) {
  Vec r;
  for (size_t i = 0; i < W; ++i) r[i] = __builtin_sqrtf(a[i]);
  return r;
}
// Adding 1.5 * 2^23 rounds to the nearest integer, for |a| < 2^22. The integer is in the low bits.
AEVB_INLINE Ints round_to_int(Vec a) {
  const Vec magic = set1(12582912.0f);
  return as_ints(a + magic) - as_ints(magic);
}
AEVB_INLINE Words mul_high(Words a, Words b) {
  Words r;
  for (size_t i = 0; i < W; ++i) r[i] = static_cast<uint32_t>((uint64_t{a[i]} * b[i]) >> 32);
  return r;
}

AEVB_INLINE uint32_t bits(Ints mask) {
  uint32_t b = 0;
  for (size_t i = 0; i < W; ++i) b |= (mask[i] & 1u) << i;
  return b;
}

AEVB_INLINE void transpose_block(const float* in, float* out) {
  for (size_t i = 0; i < W; ++i) {
    for (size_t j = 0; j < W; ++j) out[j * kPanel + i] = in[i * kPanel + j];
  }
}

}  // namespace
}  // namespace aevb::AEVB_ISA

#include "simd/narrow-inl.h"
