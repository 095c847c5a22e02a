// Rayleigh's distribution, for z > 0, by its inverse CDF: z = scale sqrt(-2 log u). Its mean is
// scale sqrt(pi / 2) and its entropy 1 + log(scale / sqrt(2)) + gamma / 2, with Euler's gamma.
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct RayleighPosterior {
  static constexpr PosteriorInfo info = {.name = "rayleigh",
                                         .text = "Rayleigh's distribution, for z > 0",
                                         .support = LatentSupport::positive,
                                         .prior = "exponential",
                                         .noise = LatentNoise::uniform,
                                         .n_noise = 1,
                                         .n_outputs = 1,
                                         .outputs = {"log_scale"},
                                         .has_kl = true};

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    return limited_exp(o[0]) * sqrt(2.0f * Uniform(noise[0]).exponential());
  }
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    const Vec e = standardized(o, z);
    return log(z) - 2.0f * o[0] - 0.5f * e * e;
  }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    const Vec e = standardized(o, z);
    dz = (1.0f - e * e) / above_zero(z);
    d[0] = e * e - 2.0f;
  }
  static AEVB_INLINE void pathwise(const Vec*, const Vec*, Vec z, Vec* d) { d[0] = z; }
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    const Vec scale = limited_exp(o[0]);
    mean = 1.25331414f * scale;  // sqrt(pi / 2)
    sd = 0.655136378f * scale;   // sqrt(2 - pi / 2)
  }
  static AEVB_INLINE Vec minus_kl(const Vec* o) {
    return o[0] + 0.942034242f - 1.25331414f * limited_exp(o[0]);
  }
  static AEVB_INLINE void minus_kl_gradient(const Vec* o, Vec* d) {
    d[0] = 1.0f - 1.25331414f * limited_exp(o[0]);
  }

 private:
  // z / scale; its square stays finite
  static AEVB_INLINE Vec standardized(const Vec* o, Vec z) {
    return min(set1(1e15f), z * limited_exp(-o[0]));
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
