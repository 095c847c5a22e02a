// Poisson with the log rate a, and more zeros: the logit l of the probability of a structural zero.
#pragma once

#include "families/likelihoods/poisson.h"
#include "families/likelihoods/zero_inflation-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct ZeroInflatedPoisson {
  static void start(double mean, double variance, double* outputs) {
    const double m = std::max(mean, kLeastMean);
    start_zeros(m, variance - m, &outputs[0], &outputs[1]);
  }

  static constexpr LikelihoodInfo info = {"zero-inflated-poisson",
                                          "Poisson with a log rate and more zeros, for counts",
                                          Support::counts,
                                          2,
                                          {"log_rate", "zero_logit"},
                                          start};

  static constexpr bool is_long = true;

  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[2], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[2]) {
    // The largest rate is finite, because a zero's share of its gradient may be 0.
    const auto rate = exp(min(set1(88.0f), output[0]));
    const auto terms = inflate_zeros(x, output[1], fma(x, output[0], -rate) - log_factorial(x));
    log_p.add(terms.log_p);
    gradient[0] = scale * terms.share * (x - rate);
    gradient[1] = scale * terms.d_zero_logit;
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[2]) {
    return inflated_mean(output[0], output[1]);
  }

  static constexpr Noise noise = Noise::generator;
  static float draw(const float (&output)[2], Generator& generator) {
    return draw_inflated(output[0], output[1], generator, [&](double rate) {
      return Poisson::draw_count(static_cast<float>(rate), generator);
    });
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
