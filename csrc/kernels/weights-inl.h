// The Gaussian posterior of the weights (full variational Bayes, appendix F of the paper): draws,
// and the optimizer's step.
#pragma once

#include "families/optimizers/all.h"
#include "kernels/noise-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// Blocks of Philox, of four words each, for one row of a panel.
inline constexpr size_t kRowBlocks = kPanel / 4;
static_assert(kRowBlocks % W == 0);

// v where a column exists, 0 beyond the last one.
AEVB_INLINE Vec in_columns(Vec v, size_t column, size_t n_cols) {
  if (column + W <= n_cols) return v;
  const Ints lanes = first_lanes(column < n_cols ? n_cols - column : 0);
  return reinterpret_cast<Vec>(reinterpret_cast<Ints>(v) & lanes);
}

void draw_weights(const PanelDraw& t) {
  const Words step = set1(t.step), stream = set1(t.stream);
  uint32_t lane[W];
  for (size_t i = 0; i < W; ++i) lane[i] = static_cast<uint32_t>(i);
  const Words lanes = load(lane);
  for (size_t r = 0; r < t.n_rows; ++r) {
    for (size_t i = 0; i < kRowBlocks; i += W) {
      const uint64_t block = (t.first_row + r) * kRowBlocks + i;
      const Counter c = philox_block({set1(static_cast<uint32_t>(block)) + lanes,
                                      set1(static_cast<uint32_t>(block >> 32)), step, stream},
                                     t.key);
      Vec zeta[4];
      box_muller(c.c0, c.c1, zeta[0], zeta[1]);
      box_muller(c.c2, c.c3, zeta[2], zeta[3]);
      for (size_t w = 0; w < 4; ++w) {
        const size_t column = w * kRowBlocks + i, at = r * kPanel + column;
        const Vec theta = fma(exp(load(t.log_sd + at)), zeta[w], load(t.mean + at));
        store(t.out + at, in_columns(theta, column, t.n_cols));
      }
    }
  }
}

// The gradient of the bound of all data (eq. 24), divided by their number N, for the mean m and the
// log standard deviation of a weight, with g the mean gradient of the step's rows at theta:
//   g - (m - m0) / (N s0^2)  and  g (theta - m) + (1 - sd^2 / s0^2) / N.
// The optimizer's rule multiplies by 1 / M. So the terms of the prior get M / N.
template <class O>
void update_weight_posterior_by(const WeightPosteriorUpdate& u) {
  UpdateRule rule = *u.rule;
  rule.decay = 0.0f;  // the prior is in the sums
  const Vec share = set1(rule.prior_share), one = set1(1.0f);
  for (size_t c = 0; c < u.n_cols; c += W) {
    const Vec sum = load(u.sum + c), mean = load(u.mean + c), sd = exp(load(u.log_sd + c));
    const bool own = u.prior_mean != nullptr;
    const Vec precision = own ? exp(-2.0f * load(u.prior_log_sd + c)) : set1(u.precision);
    const Vec from_prior = own ? mean - load(u.prior_mean + c) : mean;
    const Vec for_mean = sum - share * precision * from_prior;
    const Vec for_log_sd = fma(sum, load(u.drawn + c) - mean, share * (one - precision * sd * sd));
    O::step(rule, Vecs<1>{in_columns(for_mean, c, u.n_cols)}, c, u.mean, u.state1, u.state2);
    O::step(rule, Vecs<1>{in_columns(for_log_sd, c, u.n_cols)}, c, u.log_sd, u.log_sd_state1,
            u.log_sd_state2);
  }
}

template <class... O>
constexpr void (*kWeightPosteriorUpdates[])(const WeightPosteriorUpdate&) = {
    update_weight_posterior_by<O>...};
template <class... O>
void update_weight_posterior_of(List<O...>, const WeightPosteriorUpdate& u) {
  kWeightPosteriorUpdates<O...>[u.rule->optimizer](u);
}

void update_weight_posterior(const WeightPosteriorUpdate& u) {
  update_weight_posterior_of(Optimizers(), u);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
