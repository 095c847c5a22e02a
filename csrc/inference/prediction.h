// Predictions of x from what is observed of a row.
#pragma once

#include "inference/inference.h"
#include "parallel/cancellation.h"

namespace aevb {

struct Prediction {
  size_t n_draws = 1000;     // of z, for each row
  size_t n_adaptations = 3;  // rounds of a quarter as many draws before, which are not counted
  size_t n_samples = 0;      // of x, for each row
  uint64_t seed = 0;
};

// Results of n rows. Null: not wanted.
struct PredictedRows {
  float* mean;          // (n, D): E[x | x_observed]; for levels the probabilities
  float* deviation;     // (n, D): the standard deviation of x; wants the mean, too
  float* samples;       // (n_samples, n, D): draws of x; null without samples
  double* n_effective;  // (n,): (sum of weights)^2 / sum of squares
};

// Self-normalised importance sampling (Mattei, Frellsen 2019, "MIWAE", section 3.3): draws z_l of q
// have the weights p(x_observed, z_l) / q(z_l). Here q is not the encoder's alone, but a mixture
// (inference/defensive.h). If z is not on the real line, there are no adaptations. The mean is that
// of the mixture of the p(x|z_l). A sample takes one z_l with a probability in proportion to its
// weight, and draws all of x there. The variance is that of the means plus the mean square of
// x_l - E[x|z_l], for one draw x_l of each p(x|z_l). If all weights are 0, the results are not
// numbers. Memory does not grow with n_draws. The seed and the ids (n_rows,) key the noise.
void predict(const Model& model, const Table& table, const uint64_t* ids, const Prediction& options,
             const PredictedRows& out, int n_threads, Cancellation& cancellation);

}  // namespace aevb
