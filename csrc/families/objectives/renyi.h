// Renyi's bound of order a, log ((1/L) sum_l w_l^(1 - a)) / (1 - a) with w = p(x, z) / q(z|x) (Li,
// Turner 2016). In its gradient, each draw has its normalised w^(1 - a).
#pragma once

#include "families/objectives/objective-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Renyi {
  static double weigh(const RowDraws& row) {
    const double power = 1.0 - row.order;
    double* const scaled = row.scaled;
    for (size_t l = 0; l < row.n; ++l) scaled[l] = power * row.log_w[l];
    const double log_sum = log_sum_exp(scaled, row.n);
    for (size_t l = 0; l < row.n; ++l)
      weigh_draw(std::exp(scaled[l] - log_sum), row.kl_weight, row.draws[l]);
    return (log_sum - std::log(static_cast<double>(row.n))) / power;
  }
  static constexpr ObjectiveInfo info = {
      .name = "renyi",
      .text = "Renyi's bound of the order ``renyi_order`` (Li and Turner 2016)",
      .reweights = true,
      .has_order = true,
      .weigh = weigh};
};

}  // namespace
}  // namespace aevb::AEVB_ISA
