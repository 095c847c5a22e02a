// The uniform distribution on location +- scale. Its density jumps at the ends, so the score has no
// mean 0.
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct UniformNoise {
  static constexpr const char* name = "uniform";
  static constexpr const char* text = "the uniform distribution on location +- scale";
  static constexpr const char* prior = "standard-normal";
  static constexpr LatentNoise noise = LatentNoise::uniform;
  static constexpr size_t n_noise = 1;
  static constexpr float mean = 0.0f, variance = 0.333333333f, scale = 0.577350269f;
  static constexpr float entropy = 0.693147181f;  // log 2
  static constexpr bool is_continuous = false;

  static AEVB_INLINE Vec draw(const Vec* noise) {
    const Uniform u(noise[0]);
    return u.value - u.complement;
  }
  static AEVB_INLINE Vec log_density(Vec) { return set1(-0.693147181f); }
  static AEVB_INLINE Vec slope(Vec) { return Vec{}; }
};
using UniformPosterior = LocationScale<UniformNoise>;

}  // namespace
}  // namespace aevb::AEVB_ISA
