// The marginal likelihood log p(x) by importance sampling.
#pragma once

#include "inference/inference.h"
#include "inference/log_weights.h"
#include "parallel/cancellation.h"

namespace aevb {

// An estimate of log p(x) for each row: (subset.size,) each.
struct LikelihoodRows {
  double* log_p;        // log of the mean weight
  double* std_error;    // of that, by the delta method; NaN for one draw
  double* n_effective;  // (sum of weights)^2 / sum of squares

  void set(size_t row, const LogWeights& weights) const {
    log_p[row] = weights.log_mean();
    std_error[row] = weights.std_error();
    n_effective[row] = weights.n_effective();
  }
};

// Weights p(x, z) / q(z), Burda, Grosse, Salakhutdinov 2016, eq. 8: a lower bound in expectation. q
// is the encoder's q(z|x) or, after rounds of n_draws draws each that are fitted and not counted, a
// Gaussian of each row's own. Memory does not grow with n_draws. Noise is keyed by the seed and
// each row's content.
void importance(const Model& model, const Table& table, Subset subset, size_t n_draws,
                size_t n_adaptations, uint64_t seed, const LikelihoodRows& out, int n_threads,
                Cancellation& cancellation);

}  // namespace aevb
