// The chi-squared distribution with df > 0 degrees of freedom, not only whole numbers: the gamma
// distribution with the shape df / 2 and the scale 2.
#pragma once

#include "families/posteriors/gamma.h"

namespace aevb::AEVB_ISA {
namespace {

struct ChiSquaredPosterior {
  static constexpr PosteriorInfo info = {
      .name = "chi-squared",
      .text = "the chi-squared distribution, for z > 0, with any number of degrees of freedom",
      .support = LatentSupport::positive,
      .prior = "exponential",
      .noise = LatentNoise::uniform,
      .n_noise = 4,
      .n_outputs = 1,
      .outputs = {"log_df"},
      .has_kl = true};

  // The outputs of the gamma distribution.
  struct Gamma {
    Vec o[2];
    explicit AEVB_INLINE Gamma(const Vec* own) : o{own[0] - kLog2, set1(kLog2)} {}
  };

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    return GammaPosterior::sample(Gamma(o).o, noise);
  }
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    return GammaPosterior::log_density(Gamma(o).o, z);
  }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    Vec both[2];
    GammaPosterior::gradient(Gamma(o).o, z, dz, both);
    d[0] = both[0];
  }
  static AEVB_INLINE void pathwise(const Vec* o, const Vec* noise, Vec z, Vec* d) {
    Vec both[2];
    GammaPosterior::pathwise(Gamma(o).o, noise, z, both);
    d[0] = both[0];
  }
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    GammaPosterior::moments(Gamma(o).o, mean, sd);
  }
  static AEVB_INLINE Vec minus_kl(const Vec* o) { return GammaPosterior::minus_kl(Gamma(o).o); }
  static AEVB_INLINE void minus_kl_gradient(const Vec* o, Vec* d) {
    Vec both[2];
    GammaPosterior::minus_kl_gradient(Gamma(o).o, both);
    d[0] = both[0];
  }

 private:
  static constexpr float kLog2 = 0.693147181f;
};

}  // namespace
}  // namespace aevb::AEVB_ISA
