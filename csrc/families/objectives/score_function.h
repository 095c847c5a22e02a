// The naive Monte Carlo gradient of section 2.2: [log p(x, z) - log q(z|x)] grad log q(z|x).
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

}  // namespace
}  // namespace aevb::AEVB_ISA
