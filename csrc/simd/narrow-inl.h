// Functions that AVX2 and the generic vectors share.
#pragma once

#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// GCC keeps these small tiles in registers, and takes b from memory.
AEVB_INLINE void add_product(Vec& sum, Vec a, Vec b) { sum = fma(a, b, sum); }

AEVB_INLINE size_t store_bits(uint32_t set, uint32_t first, uint32_t* out) {
  size_t n = 0;
  for (; set != 0; set &= set - 1) out[n++] = first + static_cast<uint32_t>(__builtin_ctz(set));
  return n;
}

// An integer shift halves the exponent, which gives y. The result is y p(a y^2), where p is the
// minimax quadratic on the range of a y^2. (A square root and a division would keep the sums of a
// tile waiting. AVX's 12-bit estimate differs between makers of processors.)
AEVB_INLINE Vec reciprocal_sqrt_estimate(Vec a) {
  const Vec y = as_vec(0x5f2f8000 - (as_ints(a) >> 1));
  const Vec e = a * y * y;  // in [0.87, 0.99]
  return y * fma(e, fma(e, set1(0.45172739f), set1(-1.39873946f)), set1(1.94707906f));
}

// The divider works beside the FMA units. It takes no longer here than estimates and Newton steps.
AEVB_INLINE Vec over_sqrt(Vec a, Vec v, float epsilon) { return a / (sqrt(v) + epsilon); }

}  // namespace
}  // namespace aevb::AEVB_ISA
