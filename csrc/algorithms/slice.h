// A slice of an epoch to train on, and its result.
#pragma once

#include <iterator>
#include <vector>

#include "engine/subset.h"

namespace aevb {

struct EpochSlice {
  Subset subset;
  uint64_t epoch = 0;        // the key of the permutation, different for each epoch
  size_t position = 0;       // rows of the epoch already seen
  size_t max_steps = 0;      // the slice ends after this many minibatches,
  double max_seconds = 0.0;  // or after the first whose update begins later than this,
                             // or at the end of the epoch
  size_t n_train = 0;        // rows N of the training data, for the weight of the prior
  int n_threads = 1;
  // The number of this process among those that train the model. Its minibatches have the noise of
  // other rows of the joined minibatch.
  size_t rank = 0;
  // Factors on the learning rate and on the weight of the KL divergence, one per minibatch; empty:
  // all are 1.
  std::vector<float> rate_factors;
  std::vector<float> kl_factors;
};

// The phases of a step whose times are recorded, in order.
inline constexpr const char* kPhases[] = {"weights", "encoder",  "latent", "decoder", "outputs",
                                          "bound",   "backward", "update", "gather"};

struct Progress {
  size_t n_steps = 0;
  size_t n_rows = 0;
  double bound_sum = 0.0;  // over the rows, each under the weights of its own step
  bool diverged = false;   // the next step's bound was not finite and the step was not taken, or
                           // a weight is not finite
  double phase_seconds[std::size(kPhases)] = {};  // on thread 0, with the waits at barriers
};

}  // namespace aevb
