// Laplace's distribution: p(e) = exp(-|e|) / 2, by its inverse CDF.
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct LaplaceNoise {
  static constexpr const char* name = "laplace";
  static constexpr const char* text =
      "Laplace's distribution, with heavier tails than the Gaussian";
  static constexpr const char* prior = "standard-normal";
  static constexpr LatentNoise noise = LatentNoise::uniform;
  static constexpr size_t n_noise = 1;
  static constexpr float mean = 0.0f, variance = 2.0f, scale = 1.41421356f;
  static constexpr float entropy = 1.69314718f;  // 1 + log 2

  static AEVB_INLINE Vec draw(const Vec* noise) {
    const Uniform u(noise[0]);
    return select(u.value < 0.5f, log(2.0f * u.value), -log(2.0f * u.complement));
  }
  static AEVB_INLINE Vec log_density(Vec e) { return -0.693147181f - max(e, -e); }
  static AEVB_INLINE Vec slope(Vec e) { return select(e < 0.0f, set1(1.0f), set1(-1.0f)); }
};
using LaplacePosterior = LocationScale<LaplaceNoise>;

}  // namespace
}  // namespace aevb::AEVB_ISA
