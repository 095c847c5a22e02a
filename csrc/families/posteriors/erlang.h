// Erlang's distribution of the sum of three exponential variables, for z > 0. Its mean is 3 scale
// and its entropy 3 + log scale + log Gamma(3) - 2 psi(3) = log scale + log 2 + 2 gamma, with
// Euler's gamma.
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct ErlangPosterior {
  static constexpr PosteriorInfo info = {
      .name = "erlang",
      .text = "Erlang's distribution of the sum of three exponential variables, for z > 0",
      .support = LatentSupport::positive,
      .prior = "exponential",
      .noise = LatentNoise::uniform,
      .n_noise = 3,
      .n_outputs = 1,
      .outputs = {"log_scale"},
      .has_kl = true};

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    const Vec sum = Uniform(noise[0]).exponential() + Uniform(noise[1]).exponential() +
                    Uniform(noise[2]).exponential();
    return limited_exp(o[0]) * sum;
  }
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    return 2.0f * log(z) - 3.0f * o[0] - 0.693147181f - z * limited_exp(-o[0]);
  }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    const Vec rate = limited_exp(-o[0]);
    dz = 2.0f / above_zero(z) - rate;
    d[0] = z * rate - 3.0f;
  }
  static AEVB_INLINE void pathwise(const Vec*, const Vec*, Vec z, Vec* d) { d[0] = z; }
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    const Vec scale = limited_exp(o[0]);
    mean = 3.0f * scale;
    sd = 1.73205081f * scale;
  }
  static AEVB_INLINE Vec minus_kl(const Vec* o) {
    return o[0] + 1.84757851f - 3.0f * limited_exp(o[0]);
  }
  static AEVB_INLINE void minus_kl_gradient(const Vec* o, Vec* d) {
    d[0] = 1.0f - 3.0f * limited_exp(o[0]);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
