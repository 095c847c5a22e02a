// Multinomial with the logits a of the columns' shares p = e^a / sum e^a. For counts x with the
// total n: log p(x|z) = log n! - sum_i log x_i! + sum_i x_i log p_i. If some counts are missing,
// the others are a multinomial of their own total.
#pragma once

#include "base/special.h"
#include "families/likelihoods/levels-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Multinomial {
  static void start(double mean, double, double* outputs) {
    outputs[0] = std::log(std::max(mean, kLeastMean));
  }

  static constexpr LikelihoodInfo info = {.name = "multinomial",
                                          .text =
                                              "Multinomial from logits, one per column, for counts "
                                              "whose total is given: words of a text",
                                          .support = Support::counts,
                                          .n_outputs = 1,
                                          .outputs = {"logits"},
                                          .start = start,
                                          .is_joint = true};

  // The terms of log p are sums of many numbers, or cancel each other, so they are double.
  static AEVB_INLINE float evaluate(const Variable& v, float scale) {
    float* a = v.output[0];
    double total = 0.0, log_factorials = 0.0;
    for (size_t k = 0; k < v.n; ++k) {
      const float x = v.x[k];
      if (x > 0.0f) total += double{x};
      if (x > 1.0f) log_factorials += log_gamma(double{x} + 1.0);
      if (x != x) a[k] = kNever;
    }
    if (total == 0.0) {
      for (size_t k = 0; k < v.n; ++k) a[k] = 0.0f;
      return 0.0f;
    }
    const double largest = double{largest_of(v.n, a)};
    double logs = 0.0;
    for (size_t k = 0; k < v.n; ++k)
      if (v.x[k] > 0.0f) logs += double{v.x[k]} * (double{a[k]} - largest);
    const Softmax s = softmax(v.n, a);
    const Vec rate = set1(static_cast<float>(total) * s.inverse);
    for (size_t k = 0; k < v.n; k += W) {
      const Vec x = load_first(v.n - k, v.x + k, 0.0f);
      const Vec mean = load_first(v.n - k, a + k, 0.0f) * rate;
      store_first(v.n - k, a + k, select(x == x, scale * (x - mean), Vec{}));
    }
    const double log_ways = log_gamma(total + 1.0) - log_factorials;
    return static_cast<float>(log_ways + logs - total * double{s.log_sum});
  }

  static AEVB_INLINE void probabilities(const Variable& v) { to_shares(v.n, v.output[0]); }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
