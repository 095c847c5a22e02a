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
  static constexpr float kEpsilon = 1e-8f;

  static void prepare(double t, UpdateRule& rule) {
    rule.mean_correction = static_cast<float>(1.0 / (1.0 - std::pow(kBeta1, t)));
    rule.variance_correction = static_cast<float>(1.0 / (1.0 - std::pow(kBeta2, t)));
  }

  template <size_t N>
  static AEVB_INLINE void step(const UpdateRule& rule, const Vecs<N>& sum, size_t at, float* weight,
                               float* state1, float* state2) {
    constexpr float beta1 = kBeta1, beta2 = kBeta2;
    constexpr float rest1 = 1.0 - kBeta1, rest2 = 1.0 - kBeta2;
    const auto w = load<N>(weight + at);
    const auto g = gradient_of(rule, sum, w);
    const auto m = fma(set1(beta1), load<N>(state1 + at), rest1 * g);
    const auto v = fma(set1(beta2), load<N>(state2 + at), rest2 * g * g);
    store(state1 + at, m);
    store(state2 + at, v);
    const auto step = rule.mean_correction * m / (sqrt(v * rule.variance_correction) + kEpsilon);
    store(weight + at, fma(set1(rule.learning_rate), step, w));
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
