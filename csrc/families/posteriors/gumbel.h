// Gumbel's distribution of maxima: p(e) = exp(-e - exp(-e)), by its inverse CDF, e = -log(-log u).
// With Euler's gamma, its mean is gamma, its variance pi^2 / 6 and its entropy 1 + gamma.
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct GumbelNoise {
  static constexpr const char* name = "gumbel";
  static constexpr const char* text = "Gumbel's distribution, which is skewed to the right";
  static constexpr const char* prior = "standard-normal";
  static constexpr LatentNoise noise = LatentNoise::uniform;
  static constexpr size_t n_noise = 1;
  static constexpr float mean = 0.577215665f, variance = 1.64493407f, scale = 1.28254983f;
  static constexpr float entropy = 1.57721566f;  // 1 + gamma

  static AEVB_INLINE Vec draw(const Vec* noise) { return -log(Uniform(noise[0]).exponential()); }
  static AEVB_INLINE Vec log_density(Vec e) {
    const Vec above = max(set1(-kMostLog), e);  // below, exp(-e) outweighs the rest
    return -above - limited_exp(-above);
  }
  static AEVB_INLINE Vec slope(Vec e) { return limited_exp(-e) - 1.0f; }
};
using GumbelPosterior = LocationScale<GumbelNoise>;

}  // namespace
}  // namespace aevb::AEVB_ISA
