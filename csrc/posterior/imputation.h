// Missing values of x given those observed, by sampling z and x in turn or by the mode of z.
#pragma once

#include "inference/generate.h"
#include "parallel/cancellation.h"

namespace aevb {

enum class ImputeBy : uint8_t { mean, sample, mode };

struct Imputation {
  ImputeBy by = ImputeBy::mean;
  size_t n_iterations = 200;
  uint64_t seed = 0;
};

// All rows, what is missing (n_rows, D) filled in -> out (n_rows, D), dense. What the rows have
// there is not looked at, but must be in range.
//
// Every row climbs log p(x_observed, z) from a draw of the prior: to the mode, or to where its
// chain starts. An iteration of the chain draws the missing part of x from p(x|z), then proposes z
// from q(z|x) and accepts it as a draw of p(z|x) (Metropolis-within-Gibbs: Mattei, Frellsen 2018,
// algorithm 1). Since such proposals are seldom accepted in more than a few dimensions, an HMC
// transition of p(z|x_observed) goes before them; its step size is tuned in the first half of the
// iterations. The mean is that of p(x|z) over the second half, and a sample the last draw. Noise is
// keyed by the seed and a row's position.
void impute(const Model& model, const Table& table, const bool* missing, const Imputation& options,
            float* out, int n_threads, Cancellation& cancellation);

}  // namespace aevb
