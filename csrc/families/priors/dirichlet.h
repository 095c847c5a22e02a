// The flat distribution on the simplex, Dirichlet's with all concentrations 1: log p(z) = log
// Gamma(J), with respect to all components but one. A draw is made of exponential variables.
#pragma once

#include "families/priors/prior-inl.h"
#include "simd/special-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct FlatDirichlet {
  static constexpr PriorInfo info = {"dirichlet", "the flat distribution on the simplex",
                                     LatentSupport::simplex};

  static double log_constant(size_t n) { return aevb::log_gamma(static_cast<double>(n)); }
  static double add_log_kernel(double sum, const float*, size_t) { return sum; }
  static AEVB_INLINE Vec gradient(Vec) { return Vec{}; }
  static constexpr LatentNoise noise = LatentNoise::uniform;
  static AEVB_INLINE Vec sample(Vec u) { return Uniform(u).exponential(); }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
