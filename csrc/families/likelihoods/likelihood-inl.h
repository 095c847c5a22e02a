// The interface of a likelihood: a type with
//
//   info                               its name, support and decoder outputs (families/info.h),
//                                      and outputs for a given mean and variance
//   evaluate(x, output, scale, log_p, gradient)
//                                      adds log p(x|z) of N columns to log_p, and sets the gradient
//                                      of scale * log p(x|z) for each output
//   subtracts_logs                     optional: true if it calls log_p.subtract_log
//   is_long                            optional: true if evaluate has so many independent
//   operations
//                                      that one vector at a time keeps the units busy; then N is 1
//   mean(output)                       E[x|z]
//   mean_is_output                     optional: true if that is output[0]
//   noise, draw(...)                   the kind of noise, and a draw of x from it:
//     Noise::uniform                   draw(mean, u), one value of each
//     Noise::normal                    draw(mean, output, eps), Vecs<N>
//     Noise::generator                 draw(output, generator), one value of each; output[0] has
//                                      been replaced by the mean
//
// where x, each output[i] and each gradient[i] are Vecs<N>.
#pragma once

#include <algorithm>
#include <cmath>

#include "base/generator.h"
#include "families/info.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// Sums of N columns of a row over a panel. A member adds its terms as soon as it has them: they
// would fill registers. Without kWanted the sums are left out.
template <bool kWanted, size_t N, class Mask>
struct LogP {
  const Mask& real;  // lanes that are not padding
  Vec& sum;
  Vec& product;

  AEVB_INLINE void add(const Vecs<N>& term) const {
    if constexpr (kWanted) sum = aevb::AEVB_ISA::add(sum, select(real, term, Vec{}));
  }
  // Subtracts the logarithm of factors of at most 2. Their product over a panel, at most 2^64, gets
  // one logarithm.
  AEVB_INLINE void subtract_log(const Vecs<N>& factor) const {
    if constexpr (kWanted) product = multiply(product, select(real, factor, set1(1.0f)));
  }
};

// For the starting outputs: a mean of 0 or 1 has no logit, and one of 0 no logarithm.
inline constexpr double kLeastMean = 1e-3;
inline constexpr double kLeastPositive = 1e-20;  // of x that is positive
inline double logit(double mean) {
  const double p = std::clamp(mean, kLeastMean, 1.0 - kLeastMean);
  return std::log(p / (1.0 - p));
}

// The linear output that gives `value` under smooth_floor.
inline double raw_above_floor(double value, float floor) {
  constexpr double kLeast = 1e-3;  // above the floor
  const double above = value - double{floor};
  return floor + std::log(std::expm1(std::max(above, kLeast)));
}

enum class Noise { uniform, normal, generator };

}  // namespace
}  // namespace aevb::AEVB_ISA
