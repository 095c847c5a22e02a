// Laplace's distribution with a location m and a log-scale b per column: log p(x|z) = -log 2 - b -
// |x - m| e^-b.
#pragma once

#include "families/likelihoods/likelihood-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// A smooth floor of logarithms of scales, that of the Gaussian's standard deviation: see
// gaussian.h.
inline constexpr float kLogScaleFloor = -5.0f;

struct Laplace {
  static void start(double mean, double variance, double* outputs) {
    outputs[0] = mean;
    outputs[1] = raw_above_floor(0.5 * std::log(0.5 * variance), kLogScaleFloor);
  }

  static constexpr LikelihoodInfo info = {"laplace",
                                          "Laplace with a location and a log-scale per feature",
                                          Support::real,
                                          2,
                                          {"location", "log_scale"},
                                          start};

  static constexpr bool is_long = true;

  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[2], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[2]) {
    constexpr float kLog2 = 0.693147181f;
    const auto [b, slope] = smooth_floor(output[1], kLogScaleFloor);
    const auto error = x - output[0];
    const auto inverse = exp(-b);
    const auto size = max(error, -error) * inverse;
    log_p.add(-(kLog2 + b + size));
    // The density has a corner at x = m. The gradient there is 0.
    const auto sign = select(error > 0.0f, inverse, select(error < 0.0f, -inverse, Vec{}));
    gradient[0] = scale * sign;
    gradient[1] = scale * (size - 1.0f) * slope;
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[2]) {
    return output[0];
  }
  static constexpr bool mean_is_output = true;

  // By the inverse CDF.
  static constexpr Noise noise = Noise::generator;
  static float draw(const float (&output)[2], Generator& generator) {
    const double b = smooth_floor(set1(output[1]), kLogScaleFloor).value[0];
    const double u = generator.uniform() - 0.5;
    const double e = -std::copysign(std::log(1.0 - 2.0 * std::abs(u)), u);
    return static_cast<float>(output[0] + std::exp(b) * e);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
