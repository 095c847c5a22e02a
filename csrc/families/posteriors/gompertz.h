// Gompertz's distribution, for z > 0: p(z) = b eta exp(eta + b z - eta e^(b z)), by its inverse
// CDF, z = log(1 - log(u) / eta) / b. Its mean is an exponential integral, so the moments are the
// median and half the distance of the quartiles, and the KL divergence is not computed in closed
// form.
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct GompertzPosterior {
  static constexpr PosteriorInfo info = {
      .name = "gompertz",
      .text = "Gompertz's distribution, for z > 0, whose tail is lighter than any exponential's",
      .support = LatentSupport::positive,
      .prior = "exponential",
      .noise = LatentNoise::uniform,
      .n_noise = 1,
      .n_outputs = 2,
      .outputs = {"log_rate", "log_shape"},
      .has_kl = false};

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    return at(o, Uniform(noise[0]).exponential());
  }
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    const Vec y = scaled(o, z);
    return o[0] + o[1] + y - limited_exp(o[1]) * expm1(y);
  }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    const Vec y = scaled(o, z), eta = limited_exp(o[1]), e = eta * expm1(y);
    const Vec slope = 1.0f - eta - e;
    dz = limited_exp(o[0]) * slope;
    d[0] = fma(y, slope, set1(1.0f));
    d[1] = 1.0f - e;
  }
  static AEVB_INLINE void pathwise(const Vec* o, const Vec*, Vec z, Vec* d) {
    d[0] = -z;
    d[1] = expm1(-scaled(o, z)) * limited_exp(-o[0]);
  }
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    mean = at(o, set1(0.693147181f));
    sd = 0.5f * (at(o, set1(1.38629436f)) - at(o, set1(0.287682072f)));
  }

 private:
  // z for an exponential variable e
  static AEVB_INLINE Vec at(const Vec* o, Vec e) {
    return above_zero(log1p(e * limited_exp(-o[1])) * limited_exp(-o[0]));
  }
  // b z
  static AEVB_INLINE Vec scaled(const Vec* o, Vec z) {
    return min(set1(kMostLog), limited_exp(o[0]) * z);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
