// What a model is and how it learns: the one struct that crosses from Python.
#pragma once

#include <vector>

#include "kernels/kernels.h"

namespace aevb {

enum class Algorithm : uint8_t { aevb, wake_sleep, monte_carlo_em };
enum class Binarize : uint8_t { none, threshold, dynamic };

// Consecutive columns of x that have one likelihood, by its place in the list.
struct ColumnBlock {
  size_t likelihood = 0;
  size_t n_columns = 0;

  bool operator==(const ColumnBlock&) const = default;
};

struct Config {
  std::vector<ColumnBlock> columns;
  std::vector<size_t> hidden;  // encoder's order; the decoder mirrors it
  size_t n_latent = 0;         // J
  Activation activation = Activation::tanh;
  Algorithm algorithm = Algorithm::aevb;
  size_t objective = 0;  // in the list of objectives
  size_t n_draws = 1;    // L
  size_t optimizer = 1;  // in the list of optimizers
  float learning_rate = 0.02f;
  float weight_decay = 1.0f;  // precision of the prior on weights
  float init_scale = 0.1f;
  size_t batch_size = 100;  // M
  Binarize binarize = Binarize::none;
  uint64_t seed = 0;

  size_t n_visible() const;  // D
  // The narrowest range that data must lie in, as they are before they are binarised.
  Support support() const;
  void validate() const;  // throws std::invalid_argument naming the field
};

}  // namespace aevb
