// Cauchy's distribution: p(e) = 1 / (pi (1 + e^2)), by its inverse CDF. It has no mean, and no KL
// divergence from a Gaussian.
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct CauchyNoise {
  static constexpr const char* name = "cauchy";
  static constexpr const char* text =
      "Cauchy's distribution, whose tails are so heavy that it has no mean";
  static constexpr const char* prior = "cauchy";
  static constexpr LatentNoise noise = LatentNoise::uniform;
  static constexpr size_t n_noise = 1;
  static constexpr float mean = 0.0f, variance = 1e38f, scale = 1.0f;

  // tan(pi (u - 1/2)) = -cos(pi u) / sin(pi u). The angle near a pole is small, so it is accurate.
  static AEVB_INLINE Vec draw(const Vec* noise) {
    const Uniform u(noise[0]);
    const SinCos angle = sin_cos_2pi(0.5f * min(u.value, u.complement));
    return select(u.value < 0.5f, -angle.cos, angle.cos) / angle.sin;
  }
  static AEVB_INLINE Vec log_density(Vec e) { return -1.14472989f - log(fma(e, e, set1(1.0f))); }
  static AEVB_INLINE Vec slope(Vec e) { return -2.0f * e / fma(e, e, set1(1.0f)); }
};
using CauchyPosterior = LocationScale<CauchyNoise>;

}  // namespace
}  // namespace aevb::AEVB_ISA
