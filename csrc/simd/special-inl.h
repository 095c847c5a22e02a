// Special functions. V is a Vec or a Pack of vectors. tests/test_math.py asserts the accuracies.
#pragma once

#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// log x! = log Gamma(x + 1) of a count x. It is exactly 0 for 0 and 1. Elsewhere its error is at
// most 4 ulp of the larger of itself and 10. Stirling's series gives log Gamma(y); its next term is
// below 1e-8 for y >= 9. For large x, y = x + 1. Otherwise y = x + 8, and the logarithm of (x + 1)
// ... (x + 7) is subtracted.
template <class V>
AEVB_INLINE V log_factorial(const V& x) {
  constexpr float kHalfLogTwoPi = 0.918938533f;
  const auto is_large = x > 10.0f;
  const V small = select(is_large, V{}, x);  // keeps the product finite
  const V product = (small + 1.0f) * (small + 2.0f) * (small + 3.0f) * (small + 4.0f) *
                    (small + 5.0f) * (small + 6.0f) * (small + 7.0f);
  const V y = x + select(is_large, set1(1.0f), set1(8.0f));
  const V inverse = 1.0f / y;
  const V series = inverse * fma(inverse * inverse, set1(-1.0f / 360.0f), set1(1.0f / 12.0f));
  const V log_gamma = fma(y - 0.5f, log(y), kHalfLogTwoPi - y) + series;
  return select(x < 2.0f, V{}, select(is_large, log_gamma, log_gamma - log(product)));
}

}  // namespace
}  // namespace aevb::AEVB_ISA
