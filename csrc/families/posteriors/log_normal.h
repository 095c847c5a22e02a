// The log-normal distribution, for z > 0: log z ~ N(mean, exp(log_var)). The KL divergence from the
// same with log z ~ N(0, 1) is that of the Gaussian of log z (appendix B).
#pragma once

#include "families/posteriors/gaussian.h"

namespace aevb::AEVB_ISA {
namespace {

struct LogNormalPosterior {
  static constexpr PosteriorInfo info = {
      .name = "log-normal",
      .text = "the log-normal distribution, for z > 0: log z is Gaussian",
      .support = LatentSupport::positive,
      .prior = "log-normal",
      .noise = LatentNoise::normal,
      .n_noise = 1,
      .n_outputs = 2,
      .outputs = {"mean", "log_var"},
      .has_kl = true};

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    return limited_exp(GaussianPosterior::sample(o, noise));
  }
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    const Vec log_z = log(z);
    return GaussianPosterior::log_density(o, log_z) - log_z;
  }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    Vec slope;
    GaussianPosterior::gradient(o, log(z), slope, d);
    dz = (slope - 1.0f) / above_zero(z);
  }
  static AEVB_INLINE void pathwise(const Vec* o, const Vec* noise, Vec z, Vec* d) {
    d[0] = z;
    d[1] = 0.5f * z * limited(GaussianPosterior::deviation(o[1], noise[0]), 2 * kMostLog);
  }
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    const Vec variance = limited_exp(o[1]);  // of log z
    mean = limited_exp(fma(set1(0.5f), variance, o[0]));
    sd = mean * sqrt(limited_expm1(variance));
  }
  static AEVB_INLINE Vec minus_kl(const Vec* o) { return GaussianPosterior::minus_kl(o); }
  static AEVB_INLINE void minus_kl_gradient(const Vec* o, Vec* d) {
    GaussianPosterior::minus_kl_gradient(o, d);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
