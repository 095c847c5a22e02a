// p(z) = N(0, I).
#pragma once

#include "base/sizes.h"
#include "families/info.h"

#ifdef AEVB_ISA
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct StandardNormal {
  static constexpr PriorInfo info = {"standard-normal"};

  // d log p(z) / dz
  static AEVB_INLINE Vec gradient(Vec z) { return -z; }
};

}  // namespace
}  // namespace aevb::AEVB_ISA

#else

namespace aevb {

// Functions of z (n,) in double. log p(z) = log_constant(n) + add_log_kernel(0, z, n).
struct StandardNormal {
  static double log_constant(size_t n) { return -kHalfLog2Pi * static_cast<double>(n); }
  static double add_log_kernel(double sum, const float* z, size_t n) {
    for (size_t j = 0; j < n; ++j) {
      const auto zj = static_cast<double>(z[j]);
      sum -= 0.5 * zj * zj;
    }
    return sum;
  }
  static void add_gradient(const float* z, size_t n, float* gradient) {
    for (size_t j = 0; j < n; ++j) gradient[j] -= z[j];
  }
};

}  // namespace aevb
#endif
