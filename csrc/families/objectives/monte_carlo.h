// SGVB A, eq. 6: draws of z give log p(x, z) - log q(z|x).
#pragma once

#include "families/objectives/objective-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct MonteCarlo {
  static double weigh(const RowDraws& row) {
    for (size_t l = 0; l < row.n; ++l)
      weigh_draw(1.0 / static_cast<double>(row.n), row.kl_weight, row.draws[l]);
    return 0.0;
  }
  static constexpr ObjectiveInfo info = {
      .name = "monte-carlo", .text = "SGVB A (eq. 6)", .weigh = weigh};

  template <class Q, class P>
  static AEVB_INLINE void add_draw(const Draw& draw, HeadGradient& d) {
    const Vec deviation = Q::deviation(draw.log_var, draw.eps);
    const Vec dz = draw.dz + draw.weight * draw.kl_weight * P::gradient(draw.mu + deviation);
    Q::add_pathwise(dz, deviation, d.mu, d.log_var);
  }
  template <class Q, class P>
  static AEVB_INLINE void add_row(float kl_weight, Vec, Vec, HeadGradient& d) {
    Q::add_entropy_gradient(kl_weight, d.log_var);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
