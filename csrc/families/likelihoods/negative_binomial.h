// Negative binomial with the log mean a = log mu and the log dispersion b = log alpha of a column,
// for counts whose variance mu + alpha mu^2 exceeds their mean. With r = 1 / alpha,
//   log p(x|z) = log Gamma(x + r) - log Gamma(r) - log x! + x log(alpha mu)
//                - (x + r) log(1 + alpha mu).
#pragma once

#include "families/likelihoods/poisson.h"

namespace aevb::AEVB_ISA {
namespace {

// b counts as the nearest number in this range, so that products with alpha or r do not overflow.
// At e^-40 the distribution is Poisson to float32, for means up to 1e9. At e^20 almost all counts
// are 0. Outside, the gradient by b is that of the end, not 0, so that training can come back. (It
// is near its limits there: 0 below; above, -1 for each x > 0.)
inline constexpr float kLeastLogDispersion = -40.0f;
inline constexpr float kMostLogDispersion = 20.0f;

// Where d - log(1 + d) is d^2 half_square(d), without cancellation. Further from 0 the difference
// itself loses at most three bits.
AEVB_INLINE Ints is_near(Vec d) { return (d > -0.29f) & (d < 0.41f); }
AEVB_INLINE Vec half_square(Vec d) { return 0.5f - d * log_polynomial(d); }

// log p(x|z) of one value, and its derivatives by a and b.
struct CountTerms {
  Vec log_p;
  Vec d_log_mean;
  Vec d_log_dispersion;
};

// What Stirling's formula adds to the deviances below: `value` to log p, and `slope` to its
// gradient by b. n = x + r, x is at least 2, and grown = 1 + alpha x. For r below 1, log Gamma(r)
// is log Gamma(r + 1) - log r.
struct StirlingTerms {
  Vec value;
  Vec slope;
};
AEVB_INLINE StirlingTerms stirling_terms(Vec x, Vec alpha, Vec grown) {
  const Vec r = 1.0f / alpha, n = x + r;
  const Ints small = r < 1.0f;
  const Vec y = select(small, r + 1.0f, r), middle = r + 0.5f;
  const Vec log_ratio = log(1.0f + alpha);  // log((r + 1) / r)
  const Vec error_r = stirling_error(y) + select(small, fma(middle, log_ratio, set1(-1.0f)), Vec{});
  const Vec slope_r =
      r * stirling_slope(y) + select(small, fma(r, log_ratio, -middle / (r + 1.0f)), Vec{});
  // Two roots, because the product of x and grown may overflow.
  const Vec spread = sqrt(6.28318531f * x) * sqrt(grown);
  return {stirling_error(n) - error_r - stirling_error(x) - log(spread),
          slope_r - fma(r, stirling_slope(n), 0.5f * alpha * x / grown)};
}

// Loader's form (2000, "Fast and accurate computation of binomial probabilities"). Its terms do not
// cancel, be alpha small (Poisson) or large. With the deviance D(d) = d - log(1 + d) and
// e = (x - mu) / (1 + alpha mu),
//   log p = -x D(-e / x) - r D(alpha e) - log(2 pi x (1 + alpha x)) / 2 + Stirling's errors.
// The gradient by a is e. That by b is r D(alpha e) and the slope of Stirling's terms. Counts of 0
// and 1 need no Stirling's formula: with q = mu / (1 + alpha mu),
//   log p = x log q - (q + r D(-alpha q)).
// The function is too long to be inlined for each size of a pack.
inline __attribute__((noinline)) CountTerms negative_binomial(Vec x, Vec a, Vec b) {
  constexpr float kTop = 80.0f, kExpTop = 5.54062238e34f;          // e^80
  constexpr float kBottom = -40.0f, kExpBottom = 4.24835426e-18f;  // e^-40
  const Vec log_alpha = min(set1(kMostLogDispersion), max(set1(kLeastLogDispersion), b));
  const Vec alpha = exp(log_alpha), mu = exp(a);
  const Ints several = x > 1.5f;
  // alpha mu may be infinite. Beyond its cap, its logarithm a + b stands for log(1 + alpha mu).
  const Vec odds = min(set1(kExpTop), alpha * mu);
  const Ints beyond = odds >= kExpTop;
  const Vec s = 1.0f / (1.0f + odds);
  const Vec q = 1.0f / (alpha + 1.0f / mu);
  const Vec e = select(beyond, -q, (x - mu) * s);
  const Vec from = select(several, e, -q);  // for a count of 1, as for 0

  const Vec grown = fma(alpha, x, set1(1.0f));
  const Vec d = alpha * from;
  const Vec log_t =
      log(select(several, grown, set1(1.0f)) * s) - max(Vec{}, a + log_alpha - kTop);  // log(1 + d)
  const Vec excess =
      select(is_near(d), d * from * half_square(d), (d - log_t) / alpha);  // r D(alpha e)

  // log_v is the logarithm of 1 - e / x, and of q for a count of 0 or 1. q may underflow.
  const Vec at_least_2 = max(set1(2.0f), x), inverse = 1.0f / at_least_2;
  const Vec factor = select(several, alpha + inverse, set1(1.0f));
  const Vec log_v = log(max(set1(kExpBottom), q) * factor) + min(Vec{}, a - kBottom);
  const Vec ratio = -e * inverse;
  const Vec fit = select(several & is_near(ratio), e * ratio * half_square(ratio),
                         fma(x, log_v, from));  // -x D(-e / x)

  const StirlingTerms stirling = stirling_terms(at_least_2, alpha, grown);
  return {fit - excess + select(several, stirling.value, Vec{}), e,
          excess + select(several, stirling.slope, -(alpha * x * q))};
}

template <size_t N>
struct PackedCountTerms {
  Vecs<N> log_p;
  Vecs<N> d_log_mean;
  Vecs<N> d_log_dispersion;
};
template <size_t N>
AEVB_INLINE PackedCountTerms<N> negative_binomial(const Vecs<N>& x, const Vecs<N>& a,
                                                  const Vecs<N>& b) {
  PackedCountTerms<N> packed;
  for (size_t i = 0; i < N; ++i) {
    const CountTerms one = negative_binomial(x.v[i], a.v[i], b.v[i]);
    packed.log_p.v[i] = one.log_p;
    packed.d_log_mean.v[i] = one.d_log_mean;
    packed.d_log_dispersion.v[i] = one.d_log_dispersion;
  }
  return packed;
}

// b for which the variance exceeds the mean by `excess` = alpha mean^2.
inline double log_dispersion(double mean, double excess) {
  return std::log(std::clamp(excess / (mean * mean), 1e-2, 1e2));
}

// A draw: Poisson, whose rate is a draw of a gamma distribution with this mean and shape r.
inline float draw_negative_binomial(double mean, float b, Generator& generator) {
  const double log_r = -std::clamp(b, kLeastLogDispersion, kMostLogDispersion);
  const double log_rate = std::log(mean) + generator.log_gamma(std::exp(log_r)) - log_r;
  return Poisson::draw_count(static_cast<float>(std::exp(log_rate)), generator);
}

struct NegativeBinomial {
  static void start(double mean, double variance, double* outputs) {
    const double m = std::max(mean, kLeastMean);
    outputs[0] = std::log(m);
    outputs[1] = log_dispersion(m, variance - m);
  }

  static constexpr LikelihoodInfo info = {"negative-binomial",
                                          "negative binomial with a log mean, and a log dispersion "
                                          "per feature, for counts",
                                          Support::counts,
                                          2,
                                          {"log_mean", "log_dispersion"},
                                          start,
                                          1};

  static constexpr bool is_long = true;

  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[2], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[2]) {
    const auto terms = negative_binomial(x, output[0], output[1]);
    log_p.add(terms.log_p);
    gradient[0] = scale * terms.d_log_mean;
    gradient[1] = scale * terms.d_log_dispersion;
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[2]) {
    return exp(output[0]);
  }

  static constexpr Noise noise = Noise::generator;
  static float draw(const float (&output)[2], Generator& generator) {
    return draw_negative_binomial(output[0], output[1], generator);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
