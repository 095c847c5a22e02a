// The gamma distribution with the logarithms l of its mean and of its shape alpha per column, for
// x > 0. With d = log x - l,
//   log p(x|z) = alpha log alpha - alpha - log Gamma(alpha) - log x - alpha (e^d - 1 - d).
// The shape is bounded (families/shape-inl.h): as it grows, the density at the mean has no limit.
#pragma once

#include "families/likelihoods/likelihood-inl.h"
#include "families/shape-inl.h"
#include "simd/gamma-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Gamma {
  static void start(double mean, double variance, double* outputs) {
    const double m = std::max(mean, kLeastPositive);
    outputs[0] = std::log(m);
    outputs[1] = std::log(std::clamp(m * m / variance, 0.01, 1000.0));
  }

  static constexpr LikelihoodInfo info = {
      "gamma",
      "gamma with a log-mean and a log-shape per feature, for values above 0",
      Support::positive,
      2,
      {"log_mean", "log_shape"},
      start};

  static constexpr bool is_long = true;

  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[2], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[2]) {
    Vecs<N> terms;
    for (size_t i = 0; i < N; ++i) {
      const Result one = evaluate(x.v[i], output[0].v[i], output[1].v[i]);
      terms.v[i] = one.log_p;
      for (size_t o = 0; o < 2; ++o) gradient[o].v[i] = scale * one.gradient[o];
    }
    log_p.add(terms);
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[2]) {
    return exp(output[0]);
  }

  // x may be so small that it is 0 in float32. The smallest normal number stands for it.
  static constexpr Noise noise = Noise::generator;
  static float draw(const float (&output)[2], Generator& generator) {
    const double alpha = Shape(set1(output[1])).value[0];
    const double z = std::exp(generator.log_gamma(alpha)) / alpha;
    return std::max(static_cast<float>(output[0] * z), std::numeric_limits<float>::min());
  }

 private:
  struct Result {
    Vec log_p;
    Vec gradient[2];
  };

  // Beyond kMost, e^d would leave float32's range, or its product with alpha.
  static inline __attribute__((noinline)) Result evaluate(Vec x, Vec l, Vec raw_shape) {
    constexpr float kMost = 60.0f;
    const Shape alpha(raw_shape);
    const Vec log_x = log(x);
    const Vec d = min(set1(kMost), log_x - l);
    const Vec excess = exp_minus_linear(d);
    Result result;
    result.log_p = stirling_gap(alpha.value, alpha.log) - log_x - alpha.value * excess;
    result.gradient[0] = alpha.value * (excess + d);
    result.gradient[1] = alpha.value * alpha.slope * (digamma_gap(alpha.value, alpha.log) - excess);
    return result;
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
