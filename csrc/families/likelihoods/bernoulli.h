// Bernoulli with the logit a, appendix C.1: log p(x|z) = x a - softplus(a).
#pragma once

#include "families/likelihoods/likelihood-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Bernoulli {
  static constexpr LikelihoodInfo info = {"bernoulli",
                                          "Bernoulli from logits, for values in [0, 1]",
                                          Support::unit_interval,
                                          1,
                                          {"logits"}};

  // softplus(a) = max(a, 0) + log(1 + e^-|a|). Its absolute error is a rounding error of 1, also
  // where softplus(a) is smaller than 1.
  template <size_t N>
  static AEVB_INLINE FactoredTerms<N, 1> evaluate(const Vecs<N>& x, const Vecs<N> (&output)[1],
                                                  Vec scale) {
    const auto& a = output[0];
    const auto e = exp_minus_abs(a);
    const auto one_plus_e = 1.0f + e;
    const auto mean = select(a >= 0.0f, set1(1.0f), e) / one_plus_e;
    return {{fma(x, a, -max(Vec{}, a)), {scale * (x - mean)}}, one_plus_e};
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[1]) {
    return sigmoid(output[0]);
  }

  static constexpr Noise noise = Noise::uniform;
  template <size_t N>
  static AEVB_INLINE Vecs<N> draw(const Vecs<N>& mean, const Vecs<N> (&)[1], const Vecs<N>& u) {
    return select(u < mean, set1(1.0f), Vec{});
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
