// Draws of a gamma distribution, and their derivative by its shape. tests/test_gamma.py asserts
// both.
#pragma once

#include "base/generator.h"
#include "simd/special-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// The lanes of `rejected` go on here, one by one, until a proposal is accepted. The bits of the
// uniforms start the generator, so the draw stays a function of them.
inline __attribute__((noinline)) void redraw_gamma(const Vec (&u)[4], Vec d, uint32_t rejected,
                                                   Vec& log_z) {
  uint32_t seed[4][W];
  float shape[W], lane[W];
  for (size_t i = 0; i < 4; ++i) std::memcpy(seed[i], &u[i], sizeof seed[i]);
  store(shape, d);
  store(lane, log_z);
  for (; rejected != 0; rejected &= rejected - 1) {
    const auto i = static_cast<size_t>(__builtin_ctz(rejected));
    Generator generator({seed[0][i], seed[1][i]}, seed[2][i], seed[3][i], 0);
    lane[i] = static_cast<float>(generator.log_gamma_above(shape[i]));
  }
  log_z = load(lane);
}

// The logarithm of a draw z of Gamma(alpha, 1), by rejection (Marsaglia and Tsang 2000, "A simple
// method for generating gamma variables"). u are four uniforms in [0, 1): two for a normal x, one
// for its test, one for the boost z u^(1/alpha) of a draw with shape alpha + 1, if alpha < 1. With
// d = shape - 1/3 and t = x / sqrt(9 d), the proposal is d (1 + t)^3. It is accepted if log u < x^2
// / 2 + d - d (1 + t)^3 + 3 d log(1 + t). Since x^2 / 2 = 4.5 d t^2, the terms below are the same.
inline __attribute__((noinline)) void sample_gamma(const Vec (&u)[4], Vec alpha, Vec& log_z) {
  const Ints boost = alpha < 1.0f;
  const Vec d = select(boost, alpha + 1.0f, alpha) - 1.0f / 3;
  const Vec x = sqrt(-2.0f * log(1.0f - u[0])) * sin_cos_2pi(u[1]).cos;
  const Vec t = x / (3.0f * sqrt(d));
  const Vec w = 1.0f + t;
  const Vec log_w = log(w);
  const Vec log_ratio = 3.0f * d * (log_w - t * (1.0f - t * (0.5f - t * (1.0f / 3))));
  const Ints accepted = (w > 0.0f) & (log(1.0f - u[2]) < log_ratio);
  log_z = fma(set1(3.0f), log_w, log(d));
  const uint32_t rejected = bits(accepted == 0);
  if (rejected != 0) redraw_gamma(u, d, rejected, log_z);
  log_z += select(boost, log(1.0f - u[3]) / alpha, Vec{});
}

// e^x - 1 - x, for x > -88.
AEVB_INLINE Vec exp_minus_linear(Vec x) {
  const Vec small = x * x *
                    polynomial(x, {1.0f / 40320, 1.0f / 5040, 1.0f / 720, 1.0f / 120, 1.0f / 24,
                                   1.0f / 6, 1.0f / 2});
  return select(x * x < 0.25f, small, exp(x) - 1.0f - x);
}

// The derivative below, by the power series of the incomplete gamma function: the sum of t_k
// (digamma(alpha + k + 1) - log z), where t_k = z^k / (alpha (alpha + 1) ... (alpha + k)). For
// alpha < 1 and log z < digamma(alpha + 1), no term is negative, and those left out are below 1e-6
// of the sum.
AEVB_INLINE Vec sensitivity_series(Vec alpha, Vec log_z, Vec digamma_next) {
  const Vec z = exp(log_z);
  Vec term = 1.0f / alpha, difference = digamma_next - log_z;
  Vec sum = term * difference;
  for (int k = 1; k <= 11; ++k) {
    const Vec r = 1.0f / (alpha + static_cast<float>(k));
    term *= z * r;
    difference += r;
    sum = fma(term, difference, sum);
  }
  return sum;
}

// The derivative below, by its expansion for large alpha. With l = log(z / alpha), it is the sum of
// c_k(l) alpha^(-k - 1). The distribution's constancy in alpha gives c_0 = l / (e^l - 1) and c_k =
// (c_{k-1}' + d_k) / (e^l - 1), where the sum of d_k alpha^-k is log alpha - digamma(alpha). These
// are Taylor's polynomials of c_0, c_1 and c_2 at 0.
AEVB_INLINE Vec sensitivity_expansion(Vec alpha, Vec log_z) {
  const Vec l = log_z - log(alpha), l2 = l * l, r = 1.0f / alpha;
  const Vec c0 = fma(l2, polynomial(l2, {-1.0f / 1209600, 1.0f / 30240, -1.0f / 720, 1.0f / 12}),
                     1.0f - 0.5f * l);
  const Vec c1 = polynomial(
      l, {1.0f / 43200, -1.0f / 10080, -1.0f / 2016, 1.0f / 360, 1.0f / 120, -1.0f / 12, 1.0f / 6});
  const Vec c2 = polynomial(l, {1.0f / 5040, 1.0f / 840, -1.0f / 210, 0.0f, 1.0f / 60});
  return r * fma(r, fma(r, c2, c1), c0);
}

// The derivative below as an integral over the shorter tail. In s = |log(x / z)|, with sign = 1 for
// the tail above z and -1 for the one below, it is the integral from 0 to infinity of
//   (sign (log z - digamma(alpha)) + s) e^h,  h = sign alpha s - z (e^(sign s) - 1).
// The sign makes both terms positive. h is concave. A Gauss rule takes the part where h > -16; the
// bound `end` on that part is a root of h's quadratic, improved by a step of a fixed-point
// iteration for h = -16.
inline __attribute__((noinline)) Vec sensitivity_quadrature(Vec alpha, Vec log_z,
                                                            Vec digamma_alpha) {
  constexpr float kDepth = 16.0f;
  constexpr float kNode[] = {0.00921968288f, 0.0479413718f, 0.115048663f, 0.206341023f,
                             0.316084251f,   0.437383296f,  0.562616704f, 0.683915749f,
                             0.793658977f,   0.884951337f,  0.952058628f, 0.990780317f};
  constexpr float kWeight[] = {0.0235876682f, 0.0534696630f, 0.0800391643f,
                               0.101583713f,  0.116746268f,  0.124573523f};
  const Vec z = exp(log_z);
  const Ints above = log_z > digamma_alpha;
  const Vec sign = select(above, set1(1.0f), set1(-1.0f));
  const Vec slope = sign * (z - alpha);
  const Vec start = 2.0f * kDepth / (slope + sqrt(fma(slope, slope, 2.0f * kDepth * z)));
  const Vec end = select(above, min(start, log(1.0f + (kDepth + alpha * start) / z)),
                         max(start, (kDepth + z * (1.0f - exp(-start))) / alpha));
  const Vec distance = sign * (log_z - digamma_alpha);
  Vec sum = {};
  for (size_t i = 0; i < 12; ++i) {
    const Vec s = kNode[i] * end;
    const Vec h = -fma(slope, s, z * exp_minus_linear(sign * s));
    sum = fma(kWeight[i < 6 ? i : 11 - i] * exp(h), distance + s, sum);
  }
  return sum * end;
}

// d log z / d alpha where z of Gamma(alpha, 1) moves with alpha so that its cumulative probability
// F stays: -(dF / d alpha) / (z p(z)) (Figurnov, Mohamed and Mnih 2018, "Implicit
// reparameterization gradients"). For alpha in [1e-3, 1e4]. Each lane's method depends on that lane
// only.
inline __attribute__((noinline)) Vec gamma_sensitivity(Vec alpha, Vec log_z) {
  const Vec digamma_next = digamma(alpha + 1.0f);
  const Vec l = log_z - log(alpha);
  const Ints series = (alpha < 1.0f) & (log_z < digamma_next);
  const Ints expansion = (alpha >= 24.0f) & (l * l < 1.5f);
  const Ints quadrature = (series | expansion) == 0;
  Vec result = sensitivity_expansion(alpha, log_z);
  if (bits(series) != 0)
    result = select(series, sensitivity_series(alpha, log_z, digamma_next), result);
  if (bits(quadrature) != 0) {
    result = select(quadrature, sensitivity_quadrature(alpha, log_z, digamma_next - 1.0f / alpha),
                    result);
  }
  return result;
}

}  // namespace
}  // namespace aevb::AEVB_ISA
