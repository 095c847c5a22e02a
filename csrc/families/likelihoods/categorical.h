// Categorical with the logits a of a variable's levels: log p(x|z) = a_x - log sum_k e^a_k.
#pragma once

#include "families/likelihoods/levels-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Categorical {
  static void start_levels(const double* shares, size_t n, double* const* outputs) {
    for (size_t k = 0; k < n; ++k) outputs[0][k] = std::log(level_share(shares[k]));
  }

  static constexpr LikelihoodInfo info = {
      .name = "categorical",
      .text = "Categorical from logits, one per level, for unordered levels",
      .support = Support::levels,
      .n_outputs = 1,
      .outputs = {"logits"},
      .start = nullptr,
      .widths = {Width::columns},
      .start_levels = start_levels};

  static AEVB_INLINE float evaluate(const Variable& v, float scale) {
    const float* x = v.x;
    float* a = v.output[0];
    Vec product = {};
    for (size_t k = 0; k < v.n; k += W)
      product += load_first(v.n - k, x + k, 0.0f) * load_first(v.n - k, a + k, 0.0f);
    const float own = sum(product);  // a_x
    const Softmax s = softmax(v.n, a);
    for (size_t k = 0; k < v.n; k += W) {
      const Vec p = load_first(v.n - k, a + k, 0.0f) * s.inverse;
      store_first(v.n - k, a + k, scale * (load_first(v.n - k, x + k, 0.0f) - p));
    }
    return own - s.largest - s.log_sum;
  }

  static AEVB_INLINE void probabilities(const Variable& v) { to_shares(v.n, v.output[0]); }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
