// Special functions. V is a Vec or a Pack of vectors; log_gamma and digamma also take a double.
// tests/test_math.py and tests/test_special.py assert the accuracies.
#pragma once

#include "base/special.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

using aevb::log_gamma;

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

// log Gamma(x) for x > 0. Stirling's series is used from 3.5 on. Below, x is moved into [1.5, 2.5)
// by Gamma(x + 1) = x Gamma(x). There log Gamma(2 + t) is t times a polynomial (Chebyshev
// interpolation, error below 1e-9), so that the zeros at 1 and 2 keep a small relative error.
template <class V>
AEVB_INLINE V log_gamma(const V& x) {
  const auto is_large = x >= 3.5f;
  const auto below_1 = x < 0.5f, below_2 = x < 1.5f, below_3 = x < 2.5f;
  const V t = x - select(below_1, V{},
                         select(below_2, set1(1.0f), select(below_3, set1(2.0f), set1(3.0f))));
  const V factor =
      select(below_1, fma(x, x, x), select(below_2, x, select(below_3, set1(1.0f), x - 1.0f)));
  const V log_x = log(select(is_large, x, factor));
  const V small =
      fma(t,
          polynomial(t, {1.15003562e-4f, -2.53861846e-4f, 5.05657418e-4f, -1.1858377e-3f,
                         2.89095619e-3f, -7.38617764e-3f, 2.05807883e-2f, -6.73522813e-2f,
                         3.22467034e-1f, 4.22784335e-1f}),
          select(below_2, -log_x, log_x));
  const V r = 1.0f / x;
  const V series = r * polynomial(r * r, {-1.0f / 1680, 1.0f / 1260, -1.0f / 360, 1.0f / 12});
  const V large = fma(x - 0.5f, log_x - 1.0f, series + 0.418938533f);  // (log(2 pi) - 1) / 2
  return select(is_large, large, small);
}

// The derivative of log Gamma(x) for x > 0. The asymptotic series is used from 5 on. Below, it is
// taken at x + 5, and 1 / x + ... + 1 / (x + 4) is subtracted. With q = (x + 1)(x + 4), the last
// four terms are one quotient.
template <class V>
AEVB_INLINE V digamma(const V& x) {
  const auto is_small = x < 5.0f;
  const V q = fma(x, x + 5.0f, set1(4.0f));
  const V sum = 1.0f / x + (x + x + 5.0f) * (q + q + 2.0f) / (q * (q + 2.0f));
  const V y = x + select(is_small, set1(5.0f), V{});
  const V r = 1.0f / y, s = r * r;
  const V series = s * polynomial(s, {1.0f / 252, -1.0f / 120, 1.0f / 12});
  return log(y) - fma(set1(0.5f), r, series) - select(is_small, sum, V{});
}

// The derivative of digamma for x > 0, by the same method. The squares of x + 1 and x + 4, and
// those of x + 2 and x + 3, share a denominator.
template <class V>
AEVB_INLINE V trigamma(const V& x) {
  const auto is_small = x < 5.0f;
  const V q = fma(x, x + 5.0f, set1(4.0f)), p = q + 2.0f, inverse = 1.0f / x;
  const V sum = fma(inverse, inverse, (q + q + 9.0f) / (q * q) + (q + q + 5.0f) / (p * p));
  const V y = x + select(is_small, set1(5.0f), V{});
  const V r = 1.0f / y, s = r * r;
  const V series = polynomial(s, {-1.0f / 30, 1.0f / 42, -1.0f / 30, 1.0f / 6});
  return fma(s, fma(r, series, set1(0.5f)), r) + select(is_small, sum, V{});
}

// log(1 + e) - e, which cancels for small e. The caller gives log(1 + e), which is used beyond
// [-1/2, 1]. Within, s = e / (2 + e) has log(1 + e) = 2 artanh(s) and 2 s - e = -e s. The terms
// that artanh's series leaves out are below 2^-28 of the result.
template <class V>
AEVB_INLINE V log_minus_linear(const V& e, const V& log_1_plus_e) {
  const V s = e / (e + 2.0f), s2 = s * s;
  const V series =
      polynomial(s2, {2.0f / 15, 2.0f / 13, 2.0f / 11, 2.0f / 9, 2.0f / 7, 2.0f / 5, 2.0f / 3});
  const auto is_small = (e >= -0.5f) & (e < 1.0f);
  return select(is_small, s * fma(s2, series, -e), log_1_plus_e - e);
}

// log Gamma(y + 1/2) - log Gamma(y) - log(y) / 2 for y >= 1, and its derivative. For large y the
// terms cancel. Both are polynomials in 1 / y (Chebyshev interpolation of the function times y, and
// of its derivative times y^2; relative errors below 3e-8).
template <class V>
AEVB_INLINE V half_step_gap(const V& y) {
  const V v = 1.0f / y;
  return v * polynomial(v, {1.19387346e-4f, -4.49108845e-4f, 4.00063684e-4f, 7.40448177e-4f,
                            -1.85527062e-3f, 5.95865269e-5f, 5.20243592e-3f, 2.22364835e-7f,
                            -1.25000001e-1f});
}
template <class V>
AEVB_INLINE V half_step_slope(const V& y) {
  const V v = 1.0f / y;
  return v * v *
         polynomial(
             v, {1.06577744e-3f, -5.35355181e-3f, 1.06384972e-2f, -8.92563195e-3f, -1.42910987e-3f,
                 8.44261114e-3f, -1.1770898e-4f, -1.56149263e-2f, -3.18147985e-7f, 1.25000002e-1f});
}

// Stirling's error log Gamma(y) - (y - 1/2) log y + y - log(2 pi) / 2, about 1 / (12 y), for y
// >= 1. The polynomial in 1 / y is Chebyshev interpolation of y times it; its error is below 5e-9.
template <class V>
AEVB_INLINE V stirling_error(const V& y) {
  const V r = 1.0f / y;
  return r * polynomial(r, {1.38317741e-4f, -6.33678721e-4f, 1.04963809e-3f, -5.34345923e-5f,
                            -2.77252458e-3f, -1.82239488e-7f, 8.33333342e-2f});
}

// Its derivative digamma(y) - log y + 1 / (2 y), about -1 / (12 y^2), for y >= 1. The polynomial is
// that of y^2 times it; its error is below 8e-9.
template <class V>
AEVB_INLINE V stirling_slope(const V& y) {
  const V r = 1.0f / y;
  return r * r *
         polynomial(
             r, {2.79889397e-4f, -8.30629867e-4f, -6.73853715e-5f, 3.39793221e-3f, -5.21363129e-3f,
                 2.40070135e-4f, 8.31060714e-3f, 8.24349168e-7f, -8.33333383e-2f});
}

}  // namespace
}  // namespace aevb::AEVB_ISA
