// What a model is and how it learns: the one struct that crosses from Python.
#pragma once

#include <vector>

#include "kernels/kernels.h"

namespace aevb {

enum class Likelihood : uint8_t { bernoulli, gaussian, bounded_gaussian };
enum class Algorithm : uint8_t { aevb, wake_sleep, monte_carlo_em };
enum class Binarize : uint8_t { none, threshold, dynamic };

struct Config {
  size_t n_visible = 0;        // D
  std::vector<size_t> hidden;  // encoder's order; the decoder mirrors it
  size_t n_latent = 0;         // J
  Activation activation = Activation::tanh;
  Likelihood likelihood = Likelihood::bernoulli;
  Algorithm algorithm = Algorithm::aevb;
  Objective objective = Objective::analytic_kl;
  size_t n_draws = 1;  // L
  Optimizer optimizer = Optimizer::adagrad;
  float learning_rate = 0.02f;
  float weight_decay = 1.0f;  // precision of the prior on weights
  float init_scale = 0.1f;
  size_t batch_size = 100;  // M
  Binarize binarize = Binarize::none;
  uint64_t seed = 0;

  // Whether data must lie in [0, 1]: as probabilities, or as pixels that are not first made 0 or 1.
  bool wants_unit_interval() const {
    return binarize == Binarize::dynamic ||
           (likelihood == Likelihood::bernoulli && binarize != Binarize::threshold);
  }
  void validate() const;  // throws std::invalid_argument naming the field
};

}  // namespace aevb
