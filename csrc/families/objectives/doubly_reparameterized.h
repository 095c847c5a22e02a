// The importance-weighted bound with another gradient of the encoder. It has the squared weights,
// and no score. So its signal does not vanish against its noise as L grows (Tucker, Lawson, Gu,
// Maddison 2018, eq. 8).
#pragma once

#include "families/objectives/importance_weighted.h"

namespace aevb::AEVB_ISA {
namespace {

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

}  // namespace
}  // namespace aevb::AEVB_ISA
