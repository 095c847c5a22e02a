// The importance-weighted bound log (1/L) sum_l w_l with w = p(x, z) / q(z|x) (Burda, Grosse,
// Salakhutdinov 2016), Renyi's bound of order a, log ((1/L) sum_l w_l^(1 - a)) / (1 - a) (Li,
// Turner 2016), and two gradients. The sum is in closed form; the draws have the normalised
// weights.
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

// The encoder's gradient has the squared weights, and no score: its signal does not vanish against
// its noise as L grows (Tucker, Lawson, Gu, Maddison 2018, eq. 8).
struct DoublyReparameterized {
  static double weigh(const RowDraws& row) {
    const double bound = ImportanceWeighted::weigh(row);
    for (size_t l = 0; l < row.n; ++l) {
      DrawWeights& draw = row.draws[l];
      // v (1 - b) + v^2 b, with b = kl_weight
      draw.through = 1.0f - row.kl_weight * (1.0f - draw.term);
      draw.density *= draw.through;
      draw.score = 0.0f;
    }
    return bound;
  }
  static constexpr ObjectiveInfo info = {
      .name = "doubly-reparameterized",
      .text =
          "the importance-weighted bound with the doubly reparameterised gradient of the "
          "encoder (Tucker et al. 2018)",
      .reweights = true,
      .weigh = weigh,
      .needs_score = true};
};

struct Renyi {
  static double weigh(const RowDraws& row) {
    const double power = 1.0 - row.order;
    double* const scaled = row.scratch;
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
