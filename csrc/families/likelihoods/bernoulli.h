// Bernoulli with the logit a, appendix C.1: log p(x|z) = x a - softplus(a).
#pragma once

#include "families/likelihoods/likelihood-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Bernoulli {
  static void start(double mean, double, double* outputs) { outputs[0] = logit(mean); }

  static constexpr LikelihoodInfo info = {"bernoulli",
                                          "Bernoulli from logits, for values in [0, 1]",
                                          Support::unit_interval,
                                          1,
                                          {"logits"},
                                          start};

  static constexpr bool subtracts_logs = true;

  // softplus(a) = max(a, 0) + log(1 + e^-|a|). Its absolute error is a rounding error of 1, also
  // where softplus(a) is smaller than 1.
  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[1], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[1]) {
    const auto& a = output[0];
    const auto e = exp_minus_abs(a);
    const auto one_plus_e = 1.0f + e;
    const auto mean = select(a >= 0.0f, set1(1.0f), e) / one_plus_e;
    log_p.add(fma(x, a, -max(Vec{}, a)));
    log_p.subtract_log(one_plus_e);
    gradient[0] = scale * (x - mean);
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[1]) {
    return sigmoid(output[0]);
  }

  static constexpr Noise noise = Noise::uniform;
  // NaN stays: in binarisation it is a missing value
  static float draw(float mean, float u) {
    return std::isnan(mean) ? mean : u < mean ? 1.0f : 0.0f;
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
