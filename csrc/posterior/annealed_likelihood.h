// The marginal likelihood log p(x) by annealed importance sampling with HMC transitions, from the
// prior or the encoder's q(z|x) to the posterior.
#pragma once

#include "inference/importance.h"
#include "parallel/cancellation.h"

namespace aevb {

struct Annealing {
  std::vector<double> beta;  // from 0 to 1, see mcmc/annealing.h
  size_t n_leapfrog = 10;
  size_t n_chains = 1;  // of each row
  bool from_encoder = false;
  uint64_t seed = 0;
};

// (subset.size,) each
struct AnnealedRows {
  LikelihoodRows likelihood;
  double* acceptance;  // mean over the row's chains
  float* z;            // (subset.size, J) where a chain drawn by its weight ends

  AnnealedRows from(size_t row, size_t n_latent) const {
    return {{likelihood.log_p + row, likelihood.std_error + row, likelihood.n_effective + row},
            acceptance + row,
            z + row * n_latent};
  }
};

// Log of the mean weight of each row's chains, and their mean acceptance: in expectation a lower
// bound (Wu, Burda, Salakhutdinov, Grosse 2017). Step sizes, of each row and temperature, are tuned
// in a pass whose weights are thrown away. With `exact`, draws (subset.size, J)
// of p(z|x), they go back from those to where they came from, and log_p is in expectation an upper
// bound (Grosse, Ghahramani, Adams 2015). Noise is keyed by the seed and each row's content.
void annealed_likelihood(const Model& model, const Table& table, Subset subset,
                         const Annealing& options, const float* exact, const AnnealedRows& out,
                         int n_threads, Cancellation& cancellation);

}  // namespace aevb
