// A slice of an epoch to train on, and what came of it.
#pragma once

#include <iterator>

#include "engine/subset.h"

namespace aevb {

struct EpochSlice {
  Subset subset;
  uint64_t epoch = 0;        // names the permutation; any number that differs from epoch to epoch
  size_t position = 0;       // rows of the epoch already seen
  size_t max_steps = 0;      // the slice ends after this many minibatches,
  double max_seconds = 0.0;  // or at the first whose update begins after this time,
                             // or at the end of the epoch
  size_t n_train = 0;        // N of the prior's weight
  int n_threads = 1;
};

// The phases of a step whose time is kept, in order.
inline constexpr const char* kPhases[] = {"encoder", "latent",   "decoder", "outputs",
                                          "bound",   "backward", "update",  "gather"};

struct Progress {
  size_t n_steps = 0;
  size_t n_rows = 0;
  double bound_sum = 0.0;  // over the rows, each under the weights of its own step
  bool diverged = false;   // the step after the last counted one had a non-finite bound and was not
                           // taken, or the weights are no longer finite
  double phase_seconds[std::size(kPhases)] = {};  // on thread 0, waiting at barriers included
};

}  // namespace aevb
