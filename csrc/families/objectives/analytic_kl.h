// SGVB B, eq. 7: the KL divergence in closed form; draws of z give log p(x|z) alone. Where there is
// no closed form, it is SGVB A.
#pragma once

#include "families/objectives/monte_carlo.h"

namespace aevb::AEVB_ISA {
namespace {

struct AnalyticKl {
  static double weigh(const RowDraws& row) {
    if (!row.closed_kl) return MonteCarlo::weigh(row);
    std::fill_n(row.draws, row.n, DrawWeights{.term = 1.0f / static_cast<float>(row.n)});
    return 0.0;
  }
  static constexpr ObjectiveInfo info = {
      .name = "analytic-kl",
      .text = "SGVB B (eq. 7), with the KL divergence in closed form where there is one",
      .analytic = true,
      .weigh = weigh};

  template <class Q, class P>
  static AEVB_INLINE void add_draw(const Draw& draw, HeadGradient& d) {
    Q::add_pathwise(draw.dz, Q::deviation(draw.log_var, draw.eps), d.mu, d.log_var);
  }
  template <class Q, class P>
  static AEVB_INLINE void add_row(float kl_weight, Vec mu, Vec log_var, HeadGradient& d) {
    Q::add_kl_gradient(P(), kl_weight, mu, log_var, d.mu, d.log_var);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
