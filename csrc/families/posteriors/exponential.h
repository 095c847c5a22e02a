// The exponential distribution, for z > 0, by its inverse CDF: z = -scale log u.
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct ExponentialPosterior {
  static constexpr PosteriorInfo info = {.name = "exponential",
                                         .text = "the exponential distribution, for z > 0",
                                         .support = LatentSupport::positive,
                                         .prior = "exponential",
                                         .noise = LatentNoise::uniform,
                                         .n_noise = 1,
                                         .n_outputs = 1,
                                         .outputs = {"log_scale"},
                                         .has_kl = true};

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    return limited_exp(o[0]) * Uniform(noise[0]).exponential();
  }
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) { return -z * limited_exp(-o[0]) - o[0]; }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    dz = -limited_exp(-o[0]);
    d[0] = -z * dz - 1.0f;
  }
  static AEVB_INLINE void pathwise(const Vec*, const Vec*, Vec z, Vec* d) { d[0] = z; }
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    mean = sd = limited_exp(o[0]);
  }
  static AEVB_INLINE Vec minus_kl(const Vec* o) { return 1.0f + o[0] - limited_exp(o[0]); }
  static AEVB_INLINE void minus_kl_gradient(const Vec* o, Vec* d) {
    d[0] = 1.0f - limited_exp(o[0]);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
