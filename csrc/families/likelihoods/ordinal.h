// Ordinal: level k of K has the probability s(c_(k+1) - l) - s(c_k - l), where s is the sigmoid, l
// a location and c_1 < ... < c_(K-1) are cut points, c_0 = -inf and c_K = inf (McCullagh 1980,
// "Regression models for ordinal data"). The cut points do not depend on z. With raw numbers w,
// c_1 = w_1 and c_(k+1) = c_k + softplus(w_(k+1)).
#pragma once

#include "families/likelihoods/levels-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Ordinal {
  static void start_levels(const double* shares, size_t n, double* const* outputs) {
    constexpr double kLeastStep = 1e-3;  // between cut points
    double total = 0.0, below = 0.0, last = 0.0;
    for (size_t k = 0; k < n; ++k) total += level_share(shares[k]);
    outputs[0][0] = 0.0;
    for (size_t k = 0; k + 1 < n; ++k) {
      below += level_share(shares[k]) / total;
      const double cut = logit(below);
      outputs[1][k] = k == 0 ? cut : std::log(std::expm1(std::max(cut - last, kLeastStep)));
      last = cut;
    }
  }

  static constexpr LikelihoodInfo info = {.name = "ordinal",
                                          .text =
                                              "Ordinal from a location between cut points, for "
                                              "ordered levels",
                                          .support = Support::levels,
                                          .n_outputs = 2,
                                          .outputs = {"location", "cut_points"},
                                          .start = nullptr,
                                          .n_constant = 1,
                                          .widths = {Width::variables, Width::cuts},
                                          .start_levels = start_levels};

  // Between two cut points, a below and b above l, the probability is s(b) s(-a) s(w), where w
  // belongs to b: s(b) - s(a) = s(b) s(-a) (1 - e^(a - b)), and b - a = softplus(w).
  static AEVB_INLINE float evaluate(const Variable& v, float scale) {
    const size_t last = v.n - 1;  // level, and the number of cut points
    size_t level = 0;
    while (level < last && v.x[level] != 1.0f) ++level;
    float* w = v.output[1];
    float cut = w[0] - v.output[0][0], raw = w[0];  // of the level's lower end, then of its upper
    for (size_t k = 1; k < level; ++k) cut += softplus(w[k]);
    float log_p = 0.0f, below = 0.0f, above = 0.0f;  // derivatives by a and by b
    if (level > 0) {
      log_p -= softplus(cut);
      below = -sigmoid(cut);
    }
    if (level > 0 && level < last) {
      raw = w[level];
      cut += softplus(raw);
      log_p -= softplus(-raw);
    }
    float own = 0.0f;  // the derivative by the w of b, beyond `below`
    if (level < last) {
      log_p -= softplus(-cut);
      above = sigmoid(-cut);
      own = level == 0 ? above : above * sigmoid(raw) + sigmoid(-raw);
    }
    const float both = below + above;
    v.output[0][0] = -scale * both;
    for (size_t k = 0; k < last; ++k) {
      const float slope = k == 0 ? 1.0f : sigmoid(w[k]);
      w[k] = k < level ? scale * both * slope : k == level ? scale * own : 0.0f;
    }
    return log_p;
  }

  static AEVB_INLINE void probabilities(const Variable& v) {
    const float* w = v.output[1];
    const float location = v.output[0][0];
    float* p = v.output[0];
    float cut = 0.0f;
    for (size_t k = 0; k < v.n; ++k) {
      const float lower = cut;
      if (k + 1 < v.n) cut = k == 0 ? w[0] - location : cut + softplus(w[k]);
      const float first = k == 0 ? 1.0f : sigmoid(-lower);
      const float second = k + 1 == v.n ? 1.0f : sigmoid(cut);
      p[k] = first * second * (k == 0 || k + 1 == v.n ? 1.0f : sigmoid(w[k]));
    }
  }

 private:
  static AEVB_INLINE float sigmoid(float x) { return AEVB_ISA::sigmoid(set1(x))[0]; }
  static AEVB_INLINE float softplus(float x) { return AEVB_ISA::softplus(set1(x))[0]; }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
