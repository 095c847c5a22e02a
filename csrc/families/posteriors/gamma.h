// The gamma distribution, for z > 0, with the shape alpha and the scale s. z is drawn by rejection.
// It has no explicit derivative by alpha; the implicit one keeps the cumulative probability
// (Figurnov, Mohamed and Mnih 2018). Draws below e^-60 are set to it, as they
// often are with shapes below about 0.05.
#pragma once

#include "families/posteriors/shape-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct GammaPosterior {
  static constexpr PosteriorInfo info = {
      .name = "gamma",
      .text = "the gamma distribution, for z > 0, with an implicit gradient of its shape",
      .support = LatentSupport::positive,
      .prior = "exponential",
      .noise = LatentNoise::uniform,
      .n_noise = 4,
      .n_outputs = 2,
      .outputs = {"log_shape", "log_scale"},
      .has_kl = true};

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    return positive_latent(draw_log_gamma(noise, Shape(o[0])) + o[1]);
  }
  // With l = log(z / (alpha s)): alpha (l - e^l + 1) + stirling_gap(alpha) - log z.
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    const Shape shape(o[0]);
    const Vec log_z = log(z);
    return stirling_gap(shape.value, shape.log) - log_z -
           shape.value * exp_minus_linear(log_z - o[1] - shape.log);
  }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    const Shape shape(o[0]);
    const Vec l = log(z) - o[1] - shape.log;
    const Vec excess = shape.value * (exp_minus_linear(l) + l);  // z / s - alpha
    dz = (-1.0f - excess) / max(set1(kLeastLatent), z);
    d[0] = shape.value * shape.slope * (l + digamma_gap(shape.value, shape.log));
    d[1] = excess;
  }
  static AEVB_INLINE void pathwise(const Vec* o, const Vec*, Vec z, Vec* d) {
    const Shape shape(o[0]);
    const Vec moves = moving(z);
    d[0] = moves * shape.slope * log_gamma_slope(shape, log(z) - o[1]);
    d[1] = moves;
  }
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    const Shape shape(o[0]);
    mean = limited_exp(shape.log + o[1]);
    sd = limited_exp(0.5f * shape.log + o[1]);
  }
  // The entropy is alpha + log s + log Gamma(alpha) + (1 - alpha) digamma(alpha), and E[log p(z)] =
  // -alpha s.
  static AEVB_INLINE Vec minus_kl(const Vec* o) {
    const Shape shape(o[0]);
    const Vec gap = digamma_gap(shape.value, shape.log);
    const Vec entropy =
        o[1] + shape.log + (shape.value - 1.0f) * gap - stirling_gap(shape.value, shape.log);
    return entropy - limited_exp(shape.log + o[1]);
  }
  static AEVB_INLINE void minus_kl_gradient(const Vec* o, Vec* d) {
    const Shape shape(o[0]);
    const Vec mean = limited_exp(shape.log + o[1]);
    const Vec slope = shape.value * fma(1.0f - shape.value, trigamma_of(shape.value), set1(1.0f));
    d[0] = shape.slope * (slope - mean);
    d[1] = 1.0f - mean;
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
