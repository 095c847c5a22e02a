// The symmetric triangular distribution on location +- scale: p(e) = 1 - |e|, by its inverse CDF.
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct TriangularNoise {
  static constexpr const char* name = "triangular";
  static constexpr const char* text = "the symmetric triangular distribution on location +- scale";
  static constexpr const char* prior = "standard-normal";
  static constexpr LatentNoise noise = LatentNoise::uniform;
  static constexpr size_t n_noise = 1;
  static constexpr float mean = 0.0f, variance = 0.166666667f, scale = 0.408248290f;
  static constexpr float entropy = 0.5f;  // 1/2
  static constexpr bool is_continuous = true;

  static AEVB_INLINE Vec draw(const Vec* noise) {
    const Uniform u(noise[0]);
    return select(u.value < 0.5f, sqrt(2.0f * u.value) - 1.0f, 1.0f - sqrt(2.0f * u.complement));
  }
  static AEVB_INLINE Vec log_density(Vec e) { return log(gap(e)); }
  static AEVB_INLINE Vec slope(Vec e) { return select(e < 0.0f, set1(1.0f), set1(-1.0f)) / gap(e); }

 private:
  // The distance from the nearer end, not 0 where e is rounded to the end.
  static AEVB_INLINE Vec gap(Vec e) { return max(set1(0x1p-20f), 1.0f - max(e, -e)); }
};
using TriangularPosterior = LocationScale<TriangularNoise>;

}  // namespace
}  // namespace aevb::AEVB_ISA
