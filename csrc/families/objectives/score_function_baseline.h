// The score function less a baseline, as Mnih and Gregor (2014) have a running mean. It does not
// depend on the draw, so the gradient's expectation stays as it is. With several draws it is the
// mean over the row's other draws, with one the mean over the other rows of the minibatch.
#pragma once

#include "families/objectives/objective-inl.h"

namespace aevb::AEVB_ISA {
namespace {

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
