// The naive Monte Carlo gradient of section 2.2: [log p(x, z) - log q(z|x)] grad log q(z|x).
#pragma once

#include "families/objectives/objective-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct ScoreFunction {
  static constexpr ObjectiveInfo info = {
      .name = "score-function", .analytic = false, .differentiates_z = false};

  template <class Q, class P>
  static AEVB_INLINE void add_draw(const Draw& draw, HeadGradient& d) {
    Q::add_score(draw.weight * draw.f, draw.log_var, draw.eps, d.mu, d.log_var);
  }
  template <class Q, class P>
  static AEVB_INLINE void add_row(float, Vec, Vec, HeadGradient&) {}
};

}  // namespace
}  // namespace aevb::AEVB_ISA
