// Adds gradients up and moves no weight. First in the list, so it is the default of UpdateRule.
#pragma once

#include "families/optimizers/optimizer-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Accumulate {
  static constexpr OptimizerInfo info = {
      .name = "accumulate", .moves_weights = false, .n_states = 1, .squares = 0};
  static constexpr bool has_momentum = false;

  static void prepare(double, UpdateRule&) {}

  template <size_t N>
  static AEVB_INLINE void step(const UpdateRule&, const Vecs<N>& sum, size_t at, float*,
                               float* state1, float*) {
    store(state1 + at, load<N>(state1 + at) + sum);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
