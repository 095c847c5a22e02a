// p(z) = 1 on (0, 1), for each component.
#pragma once

#include "families/priors/prior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct UnitUniform {
  static constexpr PriorInfo info = {"uniform", "the uniform distribution on (0, 1)",
                                     LatentSupport::unit_interval};

  static double log_constant(size_t) { return 0.0; }
  static double add_log_kernel(double sum, const float*, size_t) { return sum; }
  static AEVB_INLINE Vec gradient(Vec) { return Vec{}; }
  static constexpr LatentNoise noise = LatentNoise::uniform;
  // The middle of the last interval would be rounded to 1.
  static AEVB_INLINE Vec sample(Vec eps) { return min(set1(1.0f - 0x1p-24f), Uniform(eps).value); }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
