// The naive Monte Carlo gradient of section 2.2: [log p(x, z) - log q(z|x)] grad log q(z|x), and
// the same with a baseline.
#pragma once

#include "families/objectives/objective-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct ScoreFunction {
  static double weigh(const RowDraws& row) {
    const double weight = 1.0 / static_cast<double>(row.n);
    for (size_t l = 0; l < row.n; ++l) {
      row.draws[l] = {.term = static_cast<float>(weight),
                      .through = 0.0f,
                      .score = static_cast<float>(weight * row.log_w[l])};
    }
    return 0.0;
  }
  static constexpr ObjectiveInfo info = {
      .name = "score-function",
      .text = "the naive score-function gradient (section 2.2), which has a very high variance",
      .differentiates_z = false,
      .weigh = weigh,
      .needs_score = true};

  template <class Q, class P>
  static AEVB_INLINE void add_draw(const Draw& draw, HeadGradient& d) {
    Q::add_score(draw.weight * draw.f, draw.log_var, draw.eps, d.mu, d.log_var);
  }
  template <class Q, class P>
  static AEVB_INLINE void add_row(float, Vec, Vec, HeadGradient&) {}
};

// A baseline that does not depend on the draw leaves the gradient's expectation as it is. For one
// draw it is the mean over the other rows of the minibatch (as the running mean of Mnih and Gregor
// 2014), for several draws the mean over the row's other draws.
struct ScoreFunctionBaseline {
  static double weigh(const RowDraws& row) {
    const auto n = static_cast<double>(row.n);
    double sum = 0.0;
    for (size_t l = 0; l < row.n; ++l) sum += row.log_w[l];
    for (size_t l = 0; l < row.n; ++l) {
      const double baseline = row.n > 1 ? (sum - row.log_w[l]) / (n - 1.0) : row.baseline;
      row.draws[l] = {.term = static_cast<float>(1.0 / n),
                      .through = 0.0f,
                      .score = static_cast<float>((row.log_w[l] - baseline) / n)};
    }
    return 0.0;
  }
  static constexpr ObjectiveInfo info = {
      .name = "score-function-baseline",
      .text =
          "the score-function gradient less a baseline, the mean over the row's other draws, "
          "or over the minibatch's other rows if there is one draw",
      .differentiates_z = false,
      .has_baseline = true,
      .weigh = weigh,
      .needs_score = true};
};

}  // namespace
}  // namespace aevb::AEVB_ISA
