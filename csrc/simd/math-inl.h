// exp, log, tanh, sigmoid, softplus, sin and cos. V is a Vec or a Pack of vectors.
// tests/test_math.py asserts the accuracies.
#pragma once

#include "simd/pack-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// Horner's rule, highest coefficient first.
template <class V, size_t N>
AEVB_INLINE V polynomial(const V& x, const float (&coefficients)[N]) {
  static_assert(N >= 2);
  V p = fma(set1(coefficients[0]), x, set1(coefficients[1]));
#pragma GCC unroll 16
  for (size_t i = 2; i < N; ++i) p = fma(p, x, set1(coefficients[i]));
  return p;
}

// The two factors of e^x = 2^n e^r, where x = n log 2 + r and |r| <= log(2)/2. The polynomial of
// Cephes' expf gives e^r - 1.
template <class V>
struct ExpParts {
  decltype(round_to_int(V{})) n;
  V e_r_minus_1;
};
template <class V>
AEVB_INLINE ExpParts<V> exp_parts(const V& x) {
  const auto n = round_to_int(x * 1.44269504088896341f);
  const V nf = to_float(n);
  V r = fma(nf, set1(-0.693359375f),
            x);  // log 2 in two parts; the first has nine bits, so n * it is exact
  r = fma(nf, set1(2.12194440e-4f), r);
  const V p = polynomial(r, {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                             1.6666665459e-1f, 5.0000001201e-1f});
  return {n, fma(p, r * r, r)};
}

// e^x. Two halves of 2^n scale the result one after the other, so n = 128 and subnormal results do
// not overflow the exponent field. Below -104 the result is 0, above 88.73 it is inf.
template <class V>
AEVB_INLINE V exp(const V& x) {
  const auto [n, e_r_minus_1] = exp_parts(min(set1(89.0f), max(set1(-104.0f), x)));
  const auto half = n >> 1;
  return (e_r_minus_1 + 1.0f) * as_vec((half + 127) << 23) * as_vec((n - half + 127) << 23);
}

// e^-|x|. From n = -127 on the exponent field of 2^n is 0, and so is the result. Callers accept 0
// in place of a value below the smallest normal number.
template <class V>
AEVB_INLINE V exp_minus_abs(const V& x) {
  const auto [n, e_r_minus_1] = exp_parts(max(set1(-88.0f), as_vec(as_ints(x) | INT32_MIN)));
  return (e_r_minus_1 + 1.0f) * as_vec((n + 127) << 23);
}

// p(m) in log(1 + m) = m - m^2 / 2 + m^3 p(m), for 1 + m in [sqrt(1/2), sqrt(2)] (Cephes' logf).
template <class V>
AEVB_INLINE V log_polynomial(const V& m) {
  return polynomial(m, {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f,
                        1.4249322787e-1f, -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f,
                        3.3333331174e-1f});
}

// The natural logarithm of a positive normal number. inf and NaN pass through; 0 and subnormals
// give log(FLT_MIN).
template <class V>
AEVB_INLINE V log(const V& x) {
  const V normal = max(set1(1.17549435e-38f), x);
  const auto bits = as_ints(normal);
  // The mantissa is in [sqrt(1/2), sqrt(2)): subtract the bits of sqrt(1/2), then take the exponent
  // of the difference.
  const auto offset = bits - 0x3f3504f3;
  const V exponent = to_float(offset >> 23);
  const V m = as_vec((offset & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const V m2 = m * m;
  V r = m2 * m * log_polynomial(m);
  r = fma(exponent, set1(-2.12194440e-4f), r);
  r = fma(m2, set1(-0.5f), r);
  r = m + r;
  r = fma(exponent, set1(0.693359375f), r);
  return select((bits & 0x7f800000) == 0x7f800000, x, r);
}

// tanh|x| = -t / (t + 2) with t = e^-2|x| - 1 = 2^n (e^r - 1) + (2^n - 1). This t keeps the bits of
// small x. (Eigen's rational function has fewer operations, but an error of up to 5 ulp with FMA
// and 6 without.)
template <class V>
AEVB_INLINE V tanh(const V& x) {
  const auto [n, e_r_minus_1] = exp_parts(max(set1(-88.0f), as_vec(as_ints(x + x) | INT32_MIN)));
  const V power = as_vec((n + 127) << 23);
  const V t = fma(power, e_r_minus_1, power - 1.0f);
  return as_vec((as_ints(t / (t + 2.0f)) & INT32_MAX) | (as_ints(x) & INT32_MIN));
}

// e^x - 1 for x up to 88, by the same formula.
template <class V>
AEVB_INLINE V expm1(const V& x) {
  const auto [n, e_r_minus_1] = exp_parts(min(set1(88.0f), max(set1(-88.0f), x)));
  const V power = as_vec((n + 127) << 23);
  return fma(power, e_r_minus_1, power - 1.0f);
}

// 1 / (1 + e^-x), accurate in both tails.
template <class V>
AEVB_INLINE V sigmoid(const V& x) {
  const V e = exp_minus_abs(x);
  return select(x >= 0.0f, set1(1.0f), e) / (1.0f + e);
}

// log(1 + e) for e > -1, corrected for the rounding error of 1 + e.
template <class V>
AEVB_INLINE V log1p(const V& e) {
  const V u = 1.0f + e;
  return log(u) + (e - (u - 1.0f)) / u;
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)
template <class V>
AEVB_INLINE V softplus(const V& x) {
  return max(set1(0.0f), x) + log1p(exp_minus_abs(x));
}

// A log-variance v above a smooth floor, v = floor + softplus(raw - floor), and its slope dv/draw.
// v is computed as the larger of floor and raw plus a small term, so that neither absorbs the
// other.
template <class V>
struct Floored {
  V value;
  V slope;
};
template <class V>
AEVB_INLINE Floored<V> smooth_floor(const V& raw, float floor) {
  const V above = raw - floor;
  const V e = exp_minus_abs(above);
  return {max(set1(floor), raw) + log1p(e), select(above >= 0.0f, set1(1.0f), e) / (1.0f + e)};
}

// sin(2 pi u) and cos(2 pi u) for u in [0, 1). The nearest quarter turn is subtracted, which leaves
// |t| <= 1/8 of a turn. Taylor's series in 2 pi t follows (next term below 2^-27). The quarter then
// gives the signs, and which of the two is the sine.
struct SinCos {
  Vec sin;
  Vec cos;
};
AEVB_INLINE SinCos sin_cos_2pi(Vec u) {
  const Ints quarter = round_to_int(u * 4.0f);
  const Vec t = fma(to_float(quarter), set1(-0.25f), u) * 6.28318530717958648f;
  const Vec t2 = t * t;
  const Vec s = fma(
      t * t2, polynomial(t2, {2.7557319e-6f, -1.98412698e-4f, 8.33333333e-3f, -1.66666667e-1f}), t);
  const Vec c = fma(t2 * t2, polynomial(t2, {2.48015873e-5f, -1.38888889e-3f, 4.16666667e-2f}),
                    fma(t2, set1(-0.5f), set1(1.0f)));
  const Ints swap = (quarter & 1) != 0;
  const Ints sin_sign = (quarter & 2) << 30;
  const Ints cos_sign = ((quarter + 1) & 2) << 30;
  return {as_vec(as_ints(select(swap, c, s)) ^ sin_sign),
          as_vec(as_ints(select(swap, s, c)) ^ cos_sign)};
}

}  // namespace
}  // namespace aevb::AEVB_ISA
