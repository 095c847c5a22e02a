// p(z) = N(0, I).
#pragma once

#include "base/sizes.h"
#include "families/priors/prior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct StandardNormal {
  static constexpr PriorInfo info = {"standard-normal", "N(0, I), the prior of the paper",
                                     LatentSupport::real};

  static double log_constant(size_t n) { return -kHalfLog2Pi * static_cast<double>(n); }
  static double add_log_kernel(double sum, const float* z, size_t n) {
    for (size_t j = 0; j < n; ++j) {
      const auto zj = static_cast<double>(z[j]);
      sum -= 0.5 * zj * zj;
    }
    return sum;
  }
  static AEVB_INLINE Vec gradient(Vec z) { return -z; }
  static constexpr LatentNoise noise = LatentNoise::normal;
  static AEVB_INLINE Vec sample(Vec eps) { return eps; }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
