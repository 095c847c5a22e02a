// Weibull's distribution, for z > 0, by its inverse CDF: z = scale (-log u)^(1 / k) with the shape
// k. Its mean is scale Gamma(1 + 1 / k) and its entropy gamma (1 - 1 / k) + log(scale / k) + 1,
// with Euler's gamma.
#pragma once

#include "families/posteriors/posterior-inl.h"
#include "simd/special-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct WeibullPosterior {
  static constexpr PosteriorInfo info = {.name = "weibull",
                                         .text = "Weibull's distribution, for z > 0",
                                         .support = LatentSupport::positive,
                                         .prior = "exponential",
                                         .noise = LatentNoise::uniform,
                                         .n_noise = 1,
                                         .n_outputs = 2,
                                         .outputs = {"log_scale", "log_shape"},
                                         .has_kl = true};

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    return limited_exp(fma(log(Uniform(noise[0]).exponential()), limited_exp(-o[1]), o[0]));
  }
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    const Vec log_e = log_exponential(o, z);
    return o[1] + log_e - limited_exp(log_e) - log(z);
  }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    const Vec k = limited_exp(o[1]), log_e = log_exponential(o, z);
    const Vec rest = 1.0f - limited_exp(log_e);
    dz = fma(k, rest, set1(-1.0f)) / above_zero(z);
    d[0] = -k * rest;
    d[1] = fma(log_e, rest, set1(1.0f));
  }
  static AEVB_INLINE void pathwise(const Vec* o, const Vec* noise, Vec z, Vec* d) {
    const Vec log_e = log(Uniform(noise[0]).exponential());
    d[0] = z;
    d[1] = -z * limited(log_e * limited_exp(-o[1]), 2 * kMostLog);
  }
  // The variance relative to the squared mean is expm1(r) with r = log Gamma(1 + 2 x) - 2 log
  // Gamma(1 + x), x = 1 / k. For small x its Taylor series does not cancel.
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    const Vec x = limited_exp(-o[1]), log_mean = log_gamma(1.0f + x);
    const Vec series =
        x * x * polynomial(x, {10.5125450f, -6.22156651f, 3.78813132f, -2.40411381f, 1.64493407f});
    const Vec ratio = log_gamma(fma(set1(2.0f), x, set1(1.0f))) - 2.0f * log_mean;
    mean = limited_exp(o[0] + log_mean);
    sd = mean * sqrt(limited_expm1(select(x < 0.05f, series, ratio)));
  }
  static AEVB_INLINE Vec minus_kl(const Vec* o) {
    const Vec x = limited_exp(-o[1]);
    return 1.57721566f - kEuler * x + o[0] - o[1] - limited_exp(o[0] + log_gamma(1.0f + x));
  }
  static AEVB_INLINE void minus_kl_gradient(const Vec* o, Vec* d) {
    const Vec x = limited_exp(-o[1]);
    const Vec mean = limited_exp(o[0] + log_gamma(1.0f + x));
    d[0] = 1.0f - mean;
    d[1] = x * fma(mean, digamma(1.0f + x), set1(kEuler)) - 1.0f;
  }

 private:
  static constexpr float kEuler = 0.577215665f;
  // log((z / scale)^k), the logarithm of an exponential variable
  static AEVB_INLINE Vec log_exponential(const Vec* o, Vec z) {
    return min(set1(kMostLog), limited_exp(o[1]) * (log(z) - o[0]));
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
