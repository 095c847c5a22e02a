// SGVB B, eq. 7: the KL divergence in closed form; draws of z give log p(x|z) alone.
#pragma once

#include "families/objectives/objective-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct AnalyticKl {
  static constexpr ObjectiveInfo info = {
      .name = "analytic-kl", .analytic = true, .differentiates_z = true};

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
