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

// z, of n components, in double.
struct StandardNormal {
  // log p(z) is this and
  static double log_constant(size_t n) { return -kHalfLog2Pi * static_cast<double>(n); }
  // what this adds to a sum.
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
  // A draw of z from normal noise in its place.
  static void from_noise(float*, size_t) {}
};

}  // namespace aevb
#endif
