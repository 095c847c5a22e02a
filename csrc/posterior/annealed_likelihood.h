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
  float* z;            // (subset.size, J): the end of a chain drawn by its weight

  AnnealedRows from(size_t row, size_t n_latent) const {
    return {{likelihood.log_p + row, likelihood.std_error + row, likelihood.n_effective + row},
            acceptance + row,
            z + row * n_latent};
  }
};

// The log of the mean weight of each row's chains, and their mean acceptance. In expectation log_p
// is a lower bound (Wu, Burda, Salakhutdinov, Grosse 2017). A pass whose weights are not used tunes
// the step sizes of each row and temperature. With `exact`, draws (subset.size, J) of p(z|x), the
// chains go back from these draws. Then log_p is in expectation an upper bound (Grosse, Ghahramani,
// Adams 2015). The seed and each row's content key the noise.
void annealed_likelihood(const Model& model, const Table& table, Subset subset,
                         const Annealing& options, const float* exact, const AnnealedRows& out,
                         int n_threads, Cancellation& cancellation);

}  // namespace aevb
