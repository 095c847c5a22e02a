// The beta distribution, for z in (0, 1): z = g1 / (g1 + g2) with g1 ~ Gamma(a, 1) and g2 ~
// Gamma(b, 1), whose derivatives are implicit (families/posteriors/gamma.h).
#pragma once

#include "families/posteriors/shape-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct BetaPosterior {
  static constexpr PosteriorInfo info = {
      .name = "beta",
      .text = "the beta distribution, for z in (0, 1), with implicit gradients of its shapes",
      .support = LatentSupport::unit_interval,
      .prior = "uniform",
      .noise = LatentNoise::uniform,
      .n_noise = 8,
      .n_outputs = 2,
      .outputs = {"log_a", "log_b"},
      .has_kl = true};

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    const Vec log_odds =
        draw_log_gamma(noise, Shape(o[0])) - draw_log_gamma(noise + 4, Shape(o[1]));
    return min(set1(kMost), max(set1(kLeastLatent), sigmoid(log_odds)));
  }
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    const Terms t(o, z);
    return t.a.value * t.log_z + t.b.value * t.log_rest + gaps(t.a, t.b, t.total, stirling_gap) -
           log(z) - log_complement(z);
  }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    const Terms t(o, z);
    dz = (t.a.value - 1.0f) / max(set1(kLeastLatent), z) -
         (t.b.value - 1.0f) / max(set1(1.0f - kMost), 1.0f - z);
    const Vec whole = digamma_gap(t.total, log(t.total));
    d[0] = t.a.value * t.a.slope * (t.log_z + digamma_gap(t.a.value, t.a.log) - whole);
    d[1] = t.b.value * t.b.slope * (t.log_rest + digamma_gap(t.b.value, t.b.log) - whole);
  }
  // The two gamma variables do not follow from z, so they are drawn again.
  static AEVB_INLINE void pathwise(const Vec* o, const Vec* noise, Vec z, Vec* d) {
    const Shape a(o[0]), b(o[1]);
    const Vec moves = select((z > kLeastLatent) & (z < kMost), z * (1.0f - z), Vec{});
    d[0] = moves * a.slope * log_gamma_slope(a, draw_log_gamma(noise, a));
    d[1] = -moves * b.slope * log_gamma_slope(b, draw_log_gamma(noise + 4, b));
  }
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    const Shape a(o[0]), b(o[1]);
    const Vec total = a.value + b.value;
    mean = a.value / total;
    sd = sqrt(mean * (b.value / total) / (total + 1.0f));
  }
  // p(z) = 1, so -KL is the entropy: log B(a, b) - (a - 1) digamma(a) - (b - 1) digamma(b) + (a + b
  // - 2) digamma(a + b). In terms of the gaps, a log a and the like cancel.
  static AEVB_INLINE Vec minus_kl(const Vec* o) {
    const Shape a(o[0]), b(o[1]);
    const Vec total = a.value + b.value, log_total = log(total);
    const Vec gap_a = digamma_gap(a.value, a.log), gap_b = digamma_gap(b.value, b.log);
    const Vec whole = digamma_gap(total, log_total);
    return (a.log - log_total) + (b.log - log_total) + (a.value - 1.0f) * gap_a +
           (b.value - 1.0f) * gap_b - (total - 2.0f) * whole - gaps(a, b, total, stirling_gap);
  }
  static AEVB_INLINE void minus_kl_gradient(const Vec* o, Vec* d) {
    const Shape a(o[0]), b(o[1]);
    const Vec total = a.value + b.value;
    const Vec whole = (total - 2.0f) * trigamma_of(total);
    d[0] = a.value * a.slope * (whole - (a.value - 1.0f) * trigamma_of(a.value));
    d[1] = b.value * b.slope * (whole - (b.value - 1.0f) * trigamma_of(b.value));
  }

 private:
  static constexpr float kMost = 1.0f - 0x1p-24f;  // the largest float below 1

  // log(1 - z), corrected for the rounding error of 1 - z.
  static AEVB_INLINE Vec log_complement(Vec z) {
    const Vec rest = max(set1(1.0f - kMost), 1.0f - z);
    return log(rest) + ((1.0f - rest) - z) / rest;
  }
  // gap(a) + gap(b) - gap(a + b)
  template <class Gap>
  static AEVB_INLINE Vec gaps(const Shape& a, const Shape& b, Vec total, Gap gap) {
    return gap(a.value, a.log) + gap(b.value, b.log) - gap(total, log(total));
  }
  // The logarithms of z and of 1 - z, relative to those of the mean.
  struct Terms {
    Shape a, b;
    Vec total, log_z, log_rest;
    AEVB_INLINE Terms(const Vec* o, Vec z) : a(o[0]), b(o[1]), total(a.value + b.value) {
      const Vec log_total = log(total);
      log_z = log(z) - (a.log - log_total);
      log_rest = log_complement(z) - (b.log - log_total);
    }
  };
};

}  // namespace
}  // namespace aevb::AEVB_ISA
