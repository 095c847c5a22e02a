// Adam (Kingma & Ba 2015, algorithm 1).
#pragma once

#include "families/optimizers/optimizer-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Adam {
  static constexpr OptimizerInfo info = {
      .name = "adam", .moves_weights = true, .n_states = 2, .squares = 2};
  static constexpr bool has_momentum = true;

  // double: 1 - 0.999f has a relative error of 1.3e-5
  static constexpr double kBeta1 = 0.9;
  static constexpr double kBeta2 = 0.999;
  static constexpr double kRest1 = 1.0 - kBeta1;
  static constexpr double kRest2 = 1.0 - kBeta2;
  static constexpr double kEpsilon = 1e-8;

  // The order of section 2 takes the corrections 1 - beta^t out of the loop over the weights: with
  // root = sqrt(1 - beta2^t), the step is rate root / (1 - beta1^t) m / (sqrt(v) + root epsilon).
  // The rule then gives (1 - beta1) g, which m needs.
  static void prepare(double t, UpdateRule& rule) {
    const double root = std::sqrt(1.0 - std::pow(kBeta2, t));
    rule.correction = static_cast<float>(root / (1.0 - std::pow(kBeta1, t)));
    rule.epsilon = static_cast<float>(root * kEpsilon);
    rule.scale = static_cast<float>(kRest1 * static_cast<double>(rule.scale));
    rule.decay = static_cast<float>(kRest1 * static_cast<double>(rule.decay));
  }

  template <size_t N>
  static AEVB_INLINE void step(const UpdateRule& rule, const Vecs<N>& sum, size_t at, float* weight,
                               float* state1, float* state2) {
    constexpr float beta1 = kBeta1, beta2 = kBeta2;
    constexpr float share = kRest2 / (kRest1 * kRest1);
    const auto w = load<N>(weight + at);
    const auto part = gradient_of(rule, sum, w);  // (1 - beta1) g
    const auto m = fma(set1(beta1), load<N>(state1 + at), part);
    const auto v = fma(set1(beta2), load<N>(state2 + at), share * part * part);
    store(state1 + at, m);
    store(state2 + at, v);
    const float rate = rule.learning_rate * rule.correction;
    store(weight + at, fma(set1(rate), over_sqrt(m, v, rule.epsilon), w));
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
