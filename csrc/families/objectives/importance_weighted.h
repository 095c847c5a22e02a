// The importance-weighted bound log (1/L) sum_l w_l with w = p(x, z) / q(z|x) (Burda, Grosse,
// Salakhutdinov 2016). In its gradient, each draw has its normalised weight.
#pragma once

#include "families/objectives/objective-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct ImportanceWeighted {
  static double weigh(const RowDraws& row) {
    const double log_sum = log_sum_exp(row.log_w, row.n);
    for (size_t l = 0; l < row.n; ++l)
      weigh_draw(std::exp(row.log_w[l] - log_sum), row.kl_weight, row.draws[l]);
    return log_sum - std::log(static_cast<double>(row.n));
  }
  static constexpr ObjectiveInfo info = {
      .name = "importance-weighted",
      .text = "the importance-weighted bound of ``n_draws`` draws (Burda et al. 2016)",
      .reweights = true,
      .weigh = weigh};
};

}  // namespace
}  // namespace aevb::AEVB_ISA
