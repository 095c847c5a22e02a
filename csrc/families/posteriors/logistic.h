// The logistic distribution: p(e) = e^-e / (1 + e^-e)^2, by its inverse CDF.
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct LogisticNoise {
  static constexpr const char* name = "logistic";
  static constexpr const char* text = "the logistic distribution";
  static constexpr const char* prior = "standard-normal";
  static constexpr LatentNoise noise = LatentNoise::uniform;
  static constexpr size_t n_noise = 1;
  static constexpr float mean = 0.0f, variance = 3.28986813f, scale = 1.81379936f;  // pi^2 / 3
  static constexpr float entropy = 2.0f;

  static AEVB_INLINE Vec draw(const Vec* noise) {
    const Uniform u(noise[0]);
    return log(u.value) - log(u.complement);
  }
  static AEVB_INLINE Vec log_density(Vec e) { return -softplus(e) - softplus(-e); }
  static AEVB_INLINE Vec slope(Vec e) { return 1.0f - 2.0f * sigmoid(e); }
};
using LogisticPosterior = LocationScale<LogisticNoise>;

}  // namespace
}  // namespace aevb::AEVB_ISA
