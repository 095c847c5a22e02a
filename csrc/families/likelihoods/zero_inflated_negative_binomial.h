// Negative binomial with more zeros: the logit of the probability of a structural zero.
#pragma once

#include "families/likelihoods/negative_binomial.h"
#include "families/likelihoods/zero_inflation-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct ZeroInflatedNegativeBinomial {
  // Zeros and dispersion explain half of the variance above the mean each. Of the whole variance,
  // alpha contributes (1 - pi) alpha mu^2.
  static void start(double mean, double variance, double* outputs) {
    const double m = std::max(mean, kLeastMean), half = 0.5 * (variance - m);
    const double mu = start_zeros(m, half, &outputs[0], &outputs[1]);
    outputs[2] = log_dispersion(mu, half * mu / m);
  }

  static constexpr LikelihoodInfo info = {"zero-inflated-negative-binomial",
                                          "negative binomial with more zeros, for counts",
                                          Support::counts,
                                          3,
                                          {"log_mean", "zero_logit", "log_dispersion"},
                                          start,
                                          1};

  static constexpr bool is_long = true;

  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[3], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[3]) {
    const auto count = negative_binomial(x, output[0], output[2]);
    const auto terms = inflate_zeros(x, output[1], count.log_p);
    log_p.add(terms.log_p);
    gradient[0] = scale * terms.share * count.d_log_mean;
    gradient[1] = scale * terms.d_zero_logit;
    gradient[2] = scale * terms.share * count.d_log_dispersion;
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[3]) {
    return inflated_mean(output[0], output[1]);
  }

  static constexpr Noise noise = Noise::generator;
  static float draw(const float (&output)[3], Generator& generator) {
    return draw_inflated(output[0], output[1], generator, [&](double mean) {
      return draw_negative_binomial(mean, output[2], generator);
    });
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
