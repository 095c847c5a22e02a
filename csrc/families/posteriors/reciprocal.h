// The reciprocal distribution, for z > 0: p(z) is proportional to 1 / z, and log z is uniform on
// [low, low + w], w = exp(log_width). Its density jumps at both ends, so the score has no mean 0.
// Its mean is exp(low) (e^w - 1) / w and its entropy log w + low + w / 2.
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct ReciprocalPosterior {
  static constexpr PosteriorInfo info = {
      .name = "reciprocal",
      .text = "the reciprocal distribution, for z > 0: log z is uniform",
      .support = LatentSupport::positive,
      .prior = "exponential",
      .noise = LatentNoise::uniform,
      .n_noise = 1,
      .n_outputs = 2,
      .outputs = {"log_low", "log_width"},
      .has_kl = true,
      .has_score = false};

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    return limited_exp(fma(limited_exp(o[1]), Uniform(noise[0]).value, limited(o[0], kMostLog)));
  }
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    const Vec low = limited(o[0], kMostLog), log_z = log(z), above = log_z - low;
    const Vec rounding = log_rounding(max(max(low, -low), log_z));
    const Ints beyond = (above < -rounding) | (above > limited_exp(o[1]) + rounding);
    return select(beyond, set1(kOutside), -log_z - o[1]);
  }
  static AEVB_INLINE void gradient(const Vec*, Vec z, Vec& dz, Vec* d) {
    dz = -1.0f / above_zero(z);
    d[0] = Vec{};
    d[1] = set1(-1.0f);
  }
  static AEVB_INLINE void pathwise(const Vec* o, const Vec* noise, Vec z, Vec* d) {
    d[0] = z;
    d[1] = z * min(set1(2 * kMostLog), limited_exp(o[1]) * Uniform(noise[0]).value);
  }
  // The variance relative to the squared mean is x / tanh(x) - 1 with x = w / 2. For small x its
  // Taylor series does not cancel.
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    const Vec x = 0.5f * limited_exp(o[1]), x2 = min(set1(1.0f), x * x);
    const Vec series = x2 * polynomial(x2, {-1.0f / 4725, 2.0f / 945, -1.0f / 45, 1.0f / 3});
    mean = mean_of(o);
    sd = mean * sqrt(select(x < 0.5f, series, x / tanh(x) - 1.0f));
  }
  static AEVB_INLINE Vec minus_kl(const Vec* o) {
    return o[1] + o[0] + 0.5f * limited_exp(o[1]) - mean_of(o);
  }
  static AEVB_INLINE void minus_kl_gradient(const Vec* o, Vec* d) {
    const Vec mean = mean_of(o), w = limited_exp(o[1]);
    d[0] = 1.0f - mean;
    d[1] = 1.0f + 0.5f * w + mean - limited_exp(o[0]) * limited_exp(w);
  }

 private:
  static AEVB_INLINE Vec mean_of(const Vec* o) {
    const Vec w = limited_exp(o[1]);
    return limited_exp(o[0]) * expm1(min(set1(kMostLog), w)) / w;
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
