// The F distribution with df1 and df2 degrees of freedom: z = (g1 / a) / (g2 / b) with g1 ~
// Gamma(a, 1), g2 ~ Gamma(b, 1), a = df1 / 2 and b = df2 / 2. The derivatives of g1 and g2 are
// implicit (families/posteriors/gamma.h). Its tails are those of a power, so E[z] may be infinite.
#pragma once

#include "families/posteriors/shape-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct FPosterior {
  static constexpr PosteriorInfo info = {
      .name = "f",
      .text = "the F distribution, for z > 0, with heavy tails and implicit gradients",
      .support = LatentSupport::positive,
      .prior = "log-normal",
      .noise = LatentNoise::uniform,
      .n_noise = 8,
      .n_outputs = 2,
      .outputs = {"log_df1", "log_df2"},
      .has_kl = false};

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    const Shape a = half(o[0]), b = half(o[1]);
    return positive_latent((draw_log_gamma(noise, a) - a.log) -
                           (draw_log_gamma(noise + 4, b) - b.log));
  }
  // w = a z / (a z + b) has a beta distribution, and dw / w (1 - w) = dz / z.
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    const Terms t(o, z);
    return t.a.value * t.log_w + t.b.value * t.log_rest - log(z) +
           stirling_gap(t.a.value, t.a.log) + stirling_gap(t.b.value, t.b.log) -
           stirling_gap(t.total, log(t.total));
  }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    const Terms t(o, z);
    const Vec whole = digamma_gap(t.total, log(t.total));
    const Vec slope = t.a.value * sigmoid(-t.log_odds) - t.b.value * sigmoid(t.log_odds);
    dz = (slope - 1.0f) / max(set1(kLeastLatent), z);
    d[0] = t.a.slope * fma(t.a.value, t.log_w + digamma_gap(t.a.value, t.a.log) - whole, slope);
    d[1] = t.b.slope * fma(t.b.value, t.log_rest + digamma_gap(t.b.value, t.b.log) - whole, -slope);
  }
  // The two gamma variables do not follow from z, so they are drawn again.
  static AEVB_INLINE void pathwise(const Vec* o, const Vec* noise, Vec z, Vec* d) {
    const Shape a = half(o[0]), b = half(o[1]);
    const Vec moves = moving(z);
    d[0] = moves * a.slope * (log_gamma_slope(a, draw_log_gamma(noise, a)) - 1.0f);
    d[1] = moves * b.slope * (1.0f - log_gamma_slope(b, draw_log_gamma(noise + 4, b)));
  }
  // The mean needs df2 > 2, the deviation df2 > 4. In their places: e^E[log z], which is near the
  // median, and that times the deviation of log z.
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    const Shape a = half(o[0]), b = half(o[1]);
    const Vec typical = limited_exp(digamma_gap(b.value, b.log) - digamma_gap(a.value, a.log));
    const Vec spread = typical * sqrt(trigamma_of(a.value) + trigamma_of(b.value));
    const Ints has_mean = b.value > 1.0f, has_sd = b.value > 2.0f;
    const Vec exact = b.value / select(has_mean, b.value - 1.0f, set1(1.0f));
    const Vec variance =
        (a.value + b.value - 1.0f) / (a.value * select(has_sd, b.value - 2.0f, set1(1.0f)));
    mean = select(has_mean, exact, typical);
    sd = select(has_sd, exact * sqrt(max(set1(0.0f), variance)), spread);
  }

 private:
  static AEVB_INLINE Shape half(Vec log_df) { return Shape(log_df - 0.693147181f); }

  // With w as above: the logarithms of w and 1 - w, relative to their values at z = 1.
  struct Terms {
    Shape a, b;
    Vec total, log_odds, log_w, log_rest;
    AEVB_INLINE Terms(const Vec* o, Vec z)
        : a(half(o[0])), b(half(o[1])), total(a.value + b.value) {
      const Vec log_z = log(z), inverse = 1.0f / max(set1(kLeastLatent), z);
      log_odds = log_z + (a.log - b.log);
      // the logarithms of (a z + b) / total and of (a + b / z) / total, without cancellation
      log_rest = -log_near_1(a.value / total * (z - 1.0f), fma(a.value, z, b.value) / total);
      log_w = select(
          z > 1.0f,
          -log_near_1(b.value / total * (inverse - 1.0f), fma(b.value, inverse, a.value) / total),
          log_z + log_rest);
    }
    // log(x) for x = 1 + moved; log1p's correction holds from -1/2 on, too
    static AEVB_INLINE Vec log_near_1(Vec moved, Vec x) {
      return select(moved > -0.5f, log1p(moved), log(x));
    }
  };
};

}  // namespace
}  // namespace aevb::AEVB_ISA
