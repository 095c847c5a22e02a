// Multinomial with the logits a of the columns' shares p = e^a / sum e^a. For counts x with the
// total n: log p(x|z) = log n! - sum_i log x_i! + sum_i x_i log p_i. If some counts are missing,
// the others are a multinomial of their own total.
#pragma once

#include "base/special.h"
#include "families/likelihoods/levels-inl.h"
#include "simd/special-inl.h"

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

  static AEVB_INLINE float evaluate(const Variable& v, float scale) {
    float* a = v.output[0];
    Vec counts = {}, factorials = {};
    for (size_t k = 0; k < v.n; k += W) {
      const Vec x = seen(v, k);
      counts += x;
      factorials += log_factorial(x);
    }
    const float total = sum(counts);
    if (total == 0.0f) {
      for (size_t k = 0; k < v.n; ++k) a[k] = 0.0f;
      return 0.0f;
    }
    for (size_t k = 0; k < v.n; ++k)
      if (v.x[k] != v.x[k]) a[k] = kNever;
    const float largest = largest_of(v.n, a);
    Vec logs = {};
    for (size_t k = 0; k < v.n; k += W) {
      const Vec x = seen(v, k);
      logs += select(x == 0.0f, Vec{}, x * (load_first(v.n - k, a + k, 0.0f) - largest));
    }
    const Softmax s = softmax(v.n, a);
    const float rate = total * s.inverse;
    for (size_t k = 0; k < v.n; k += W) {
      const Vec mean = load_first(v.n - k, a + k, 0.0f) * rate;
      store_first(v.n - k, a + k, scale * (seen(v, k) - mean));
    }
    const double log_ways = log_gamma(double{total} + 1.0) - double{sum(factorials)};
    return static_cast<float>(log_ways + double{sum(logs)} - double{total} * double{s.log_sum});
  }

  static AEVB_INLINE void probabilities(const Variable& v) { to_shares(v.n, v.output[0]); }

 private:
  // Counts from column k on; 0 where one is missing.
  static AEVB_INLINE Vec seen(const Variable& v, size_t k) {
    const Vec x = load_first(v.n - k, v.x + k, 0.0f);
    return select(x == x, x, Vec{});
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
