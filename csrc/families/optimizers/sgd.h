// Stochastic gradient ascent.
#pragma once

#include "families/optimizers/optimizer-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Sgd {
  static constexpr OptimizerInfo info = {
      .name = "sgd", .moves_weights = true, .n_states = 0, .squares = 0};
  static constexpr bool has_momentum = false;

  static void prepare(double, UpdateRule&) {}

  template <size_t N>
  static AEVB_INLINE void step(const UpdateRule& rule, const Vecs<N>& sum, size_t at, float* weight,
                               float*, float*) {
    const auto w = load<N>(weight + at);
    store(weight + at, fma(set1(rule.learning_rate), gradient_of(rule, sum, w), w));
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
