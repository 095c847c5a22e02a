// Adagrad (Duchi, Hazan, Singer 2011), the paper's optimizer.
#pragma once

#include "families/optimizers/optimizer-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Adagrad {
  static constexpr OptimizerInfo info = {
      .name = "adagrad", .moves_weights = true, .n_states = 1, .squares = 1};
  static constexpr bool has_momentum = false;

  // Kingma's code has 1e-8 for sums over 100 rows; g is a mean, so the squares are 100^2 times
  // smaller
  static constexpr float kEpsilon = 1e-12f;

  // Adagrad's first steps are nearly sign(g) for every weight at once, whatever the gradient is.
  // From weights of N(0, 0.1^2), they can move sigma so far that the accumulators never recover.
  // Kingma's code only accumulates in the first 100 minibatches. A factor sqrt(t / (t + 20)) on
  // step t acts as if 20 similar steps had come before, and wastes no minibatch.
  static void prepare(double t, UpdateRule& rule) {
    const double factor = std::sqrt(t / (t + rule.damping));
    rule.learning_rate = static_cast<float>(static_cast<double>(rule.learning_rate) * factor);
  }

  template <size_t N>
  static AEVB_INLINE void step(const UpdateRule& rule, const Vecs<N>& sum, size_t at, float* weight,
                               float* state1, float*) {
    const auto w = load<N>(weight + at);
    const auto g = gradient_of(rule, sum, w);
    const auto squares = fma(g, g, load<N>(state1 + at));
    store(state1 + at, squares);
    store(weight + at, add_over_sqrt(w, rule.learning_rate, g, squares + kEpsilon));
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
