// Poisson with the log rate a: log p(x|z) = x a - e^a - log x!, for counts.
#pragma once

#include <cmath>

#include "base/special.h"
#include "families/likelihoods/likelihood-inl.h"
#include "simd/special-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Poisson {
  static void start(double mean, double, double* outputs) {
    outputs[0] = std::log(std::max(mean, kLeastMean));
  }

  static constexpr LikelihoodInfo info = {.name = "poisson",
                                          .text = "Poisson with a log rate per feature, for counts",
                                          .support = Support::counts,
                                          .n_outputs = 1,
                                          .outputs = {"log_rate"},
                                          .start = start};

  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[1], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[1]) {
    const auto rate = mean(output);
    log_p.add(fma(x, output[0], -rate) - log_factorial(x));
    gradient[0] = scale * (x - rate);
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[1]) {
    return exp(output[0]);
  }

  static constexpr Noise noise = Noise::generator;
  static float draw(const float (&output)[1], Generator& generator) {
    return draw_count(output[0], generator);
  }

  static float draw_count(float mean, Generator& generator) {
    if (!(mean < 1e30f)) return mean;  // infinite or NaN, too
    return static_cast<float>(mean < 10.0f ? invert(mean, generator) : reject(mean, generator));
  }

 private:
  // The smallest count whose cumulative probability reaches a uniform. The bound is far beyond any.
  static double invert(double rate, Generator& generator) {
    const double u = generator.uniform();
    double p = std::exp(-rate), cumulative = p, x = 0.0;
    while (u > cumulative && x < 200.0) {
      x += 1.0;
      p *= rate / x;
      cumulative += p;
    }
    return x;
  }

  // Transformed rejection (Hormann 1993, "The transformed rejection method for generating Poisson
  // random variables", algorithm PTRS), for a rate of 10 and more.
  static double reject(double rate, Generator& generator) {
    const double b = 0.931 + 2.53 * std::sqrt(rate);
    const double a = -0.059 + 0.02483 * b;
    const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    for (;;) {
      const double u = generator.uniform() - 0.5, v = generator.uniform();
      const double us = 0.5 - std::abs(u);
      const double x = std::floor((2.0 * a / us + b) * u + rate + 0.43);
      if (us >= 0.07 && v <= 0.9277 - 3.6224 / (b - 2.0)) return x;
      if (x < 0.0 || (us < 0.013 && v > us)) continue;
      if (std::log(v * inverse_alpha / (a / (us * us) + b)) <=
          x * std::log(rate) - rate - log_gamma(x + 1.0)) {
        return x;
      }
    }
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
