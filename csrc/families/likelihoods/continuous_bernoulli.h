// The continuous Bernoulli with the logit a, for x in [0, 1] (Loaiza-Ganem and Cunningham 2019,
// "The continuous Bernoulli: fixing a pervasive error in variational autoencoders"): log p(x|z) = x
// a - softplus(a) + log C. Its constant C = a / tanh(a / 2) makes the density e^(x a) a / (e^a -
// 1).
#pragma once

#include "families/likelihoods/likelihood-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct ContinuousBernoulli {
  static void start(double mean, double, double* outputs) {
    const double m = std::clamp(mean, kLeastMean, 1.0 - kLeastMean);
    outputs[0] = m < 0.5 ? -distance(m) : distance(1.0 - m);
  }

  static constexpr LikelihoodInfo info = {"continuous-bernoulli",
                                          "continuous Bernoulli, a density of values in [0, 1]",
                                          Support::unit_interval,
                                          1,
                                          {"logits"},
                                          start};

  // With t = |a|, log p = x a - max(a, 0) + log(t / (1 - e^-t)).
  static constexpr bool is_long = true;

  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[1], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[1]) {
    const auto& a = output[0];
    const auto t = max(a, -a);
    const auto ratio = select(t < 1e-4f, 1.0f + 0.5f * t, -t / expm1(-t));
    log_p.add(fma(x, a, -max(set1(0.0f), a)) + log(ratio));
    gradient[0] = scale * (x - mean(output));
  }

  // For a = -t < 0 it is 1 / t - 1 / (e^t - 1). For t < 1 these cancel. The series there has
  // Bernoulli's numbers over factorials; the next term is below 1e-9. For a > 0 it is 1 minus that.
  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[1]) {
    const auto& a = output[0];
    const auto t = max(a, -a);
    const auto series = 0.5f - t * polynomial(t * t, {1.0f / 47900160, -1.0f / 1209600,
                                                      1.0f / 30240, -1.0f / 720, 1.0f / 12});
    const auto below = select(t < 1.0f, series, 1.0f / t + exp(-t) / expm1(-t));
    return select(a > 0.0f, 1.0f - below, below);
  }

  // By the inverse CDF. The logit follows from the mean.
  static constexpr Noise noise = Noise::uniform;
  static float draw(float mean, float u) {
    const double m = mean;
    return static_cast<float>(m > 0.5 ? 1.0 - draw_below(1.0 - m, u) : draw_below(m, u));
  }

 private:
  static double draw_below(double mean, double u) {
    const double t = distance(mean);
    return t < 1e-12 ? u : -std::log1p(u * std::expm1(-t)) / t;
  }

  // The t >= 0 whose 1 / t - 1 / (e^t - 1) is a mean of at most 1/2, by Newton's method. The
  // function is convex and falls, so the steps converge from both starts. For t < 0.01 the linear
  // term of its series is enough.
  static double distance(double mean) {
    const double m = std::max(mean, 1e-30);
    double t = m < 0.25 ? 1.0 / m : 12.0 * (0.5 - m);
    if (t < 0.01) return std::max(t, 0.0);
    for (int i = 0; i < 6; ++i) {
      const double q = -1.0 / std::expm1(-t), p = q - 1.0;  // p = 1 / (e^t - 1)
      t += (1.0 / t - p - m) / (1.0 / (t * t) - p * q);
    }
    return t;
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
