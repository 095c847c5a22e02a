// The marginal likelihood log p(x) by importance sampling.
#pragma once

#include "inference/inference.h"
#include "inference/log_weights.h"
#include "parallel/cancellation.h"

namespace aevb {

// An estimate of log p(x) for each row: (subset.size,) each.
struct LikelihoodRows {
  double* log_p;        // log of the mean weight
  double* std_error;    // of log_p, by the delta method; NaN for one draw
  double* n_effective;  // (sum of weights)^2 / sum of squares

  void set(size_t row, const LogWeights& weights) const {
    log_p[row] = weights.log_mean();
    std_error[row] = weights.std_error();
    n_effective[row] = weights.n_effective();
  }
};

// Importance sampling with weights p(x, z) / q(z) (Burda, Grosse, Salakhutdinov 2016, eq. 8). In
// expectation log_p is a lower bound. q is the encoder's q(z|x), or a Gaussian per row. The
// Gaussian is fitted in n_adaptations rounds of n_draws draws, which are not counted. Memory does
// not grow with n_draws. The seed and each row's content key the noise.
void importance(const Model& model, const Table& table, Subset subset, size_t n_draws,
                size_t n_adaptations, uint64_t seed, const LikelihoodRows& out, int n_threads,
                Cancellation& cancellation);

}  // namespace aevb
