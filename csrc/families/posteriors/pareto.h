// Pareto's distribution, for z > scale, by its inverse CDF: log z = log scale - log(u) / k with the
// shape k. Its density jumps at z = scale, so the score has no mean 0. z has a mean only for k > 1,
// so the moments are the median and half the distance of the quartiles, for every k. The prior is
// of log z ~ N(0, 1). log z has the entropy 1 - log k, the mean log scale + 1 / k and the variance
// 1 / k^2.
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct ParetoPosterior {
  static constexpr PosteriorInfo info = {
      .name = "pareto",
      .text = "Pareto's distribution, for z > scale, whose tail is a power of z",
      .support = LatentSupport::positive,
      .prior = "log-normal",
      .noise = LatentNoise::uniform,
      .n_noise = 1,
      .n_outputs = 2,
      .outputs = {"log_scale", "log_shape"},
      .has_kl = true,
      .has_score = false};

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    return at(o, Uniform(noise[0]).exponential());
  }
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    const Vec low = limited(o[0], kMostLog), log_z = log(z), above = log_z - low;
    const Vec inside = o[1] - limited_exp(o[1]) * max(set1(0.0f), above) - log_z;
    return select(above < -log_rounding(low), set1(kOutside), inside);
  }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    const Vec k = limited_exp(o[1]);
    dz = -(k + 1.0f) / above_zero(z);
    d[0] = k;
    d[1] = 1.0f - k * max(set1(0.0f), log(z) - limited(o[0], kMostLog));
  }
  static AEVB_INLINE void pathwise(const Vec* o, const Vec* noise, Vec z, Vec* d) {
    d[0] = z;
    d[1] = -z * min(set1(2 * kMostLog), Uniform(noise[0]).exponential() * limited_exp(-o[1]));
  }
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    mean = at(o, set1(0.693147181f));
    sd = 0.5f * (at(o, set1(1.38629436f)) - at(o, set1(0.287682072f)));
  }
  static AEVB_INLINE Vec minus_kl(const Vec* o) {
    const Vec x = limited_exp(-o[1]), mean = o[0] + x;
    return 0.0810614668f - o[1] - 0.5f * fma(mean, mean, x * x);  // 1 - log(2 pi) / 2
  }
  static AEVB_INLINE void minus_kl_gradient(const Vec* o, Vec* d) {
    const Vec x = limited_exp(-o[1]), mean = o[0] + x;
    d[0] = -mean;
    d[1] = fma(x, mean + x, set1(-1.0f));
  }

 private:
  // z for an exponential variable e
  static AEVB_INLINE Vec at(const Vec* o, Vec e) {
    return limited_exp(fma(e, limited_exp(-o[1]), limited(o[0], kMostLog)));
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
