// The configuration: what a model is and how it learns. Python passes this one struct.
#pragma once

#include <vector>

#include "kernels/kernels.h"

namespace aevb {

enum class Algorithm : uint8_t { aevb, wake_sleep, monte_carlo_em };
// none: one value per weight. gaussian: a mean and a log standard deviation (appendix F), of all
// weights or of the decoder's.
enum class WeightPosterior : uint8_t { none, gaussian, gaussian_decoder };
enum class Binarize : uint8_t { none, threshold, dynamic };

// Consecutive columns of x with one likelihood, an index in the list of likelihoods. A variable is
// a column of the data. It has one column of x, or one for each of its levels.
struct ColumnBlock {
  size_t likelihood = 0;
  size_t n_columns = 0;
  std::vector<uint32_t> levels = {};  // of each variable; empty: the likelihood has no levels

  size_t n_variables() const { return levels.empty() ? n_columns : levels.size(); }
  bool operator==(const ColumnBlock&) const = default;
};

struct Config {
  std::vector<ColumnBlock> columns;
  std::vector<size_t> hidden;  // in the encoder's order; the decoder's is the reverse
  size_t n_latent = 0;         // J
  Activation activation = Activation::tanh;
  Algorithm algorithm = Algorithm::aevb;
  size_t posterior = 0;  // in the list of posteriors; no meaning without an encoder
  size_t prior = 0;      // in the list of priors
  size_t objective = 0;  // in the list of objectives
  size_t n_draws = 1;    // L
  double renyi_order = 0.5;
  float kl_weight = 1.0f;  // factor on the gradient of what the bound has beside log p(x|z)
  float free_bits = 0.0f;  // nats per component of z: its KL divergence costs nothing below
  size_t optimizer = 1;    // in the list of optimizers
  float learning_rate = 0.02f;
  float weight_decay = 1.0f;  // precision of the prior on weights
  float init_scale = 0.1f;
  size_t batch_size = 100;  // M
  WeightPosterior weight_posterior = WeightPosterior::none;
  Binarize binarize = Binarize::none;
  bool mask_inputs = false;  // the encoder also reads which variables are missing: 1 if so, else 0
  uint64_t seed = 0;

  size_t n_visible() const;    // D
  size_t n_variables() const;  // columns of the data
  // Whether KL(q(z|x) || p(z)) has a closed form.
  bool has_closed_kl() const;
  // Whether the latent layer has a kernel of its own.
  bool has_fused_latent() const;
  // The values that data may have before they are binarised; any, where likelihoods differ in that.
  Support support() const;
  void validate() const;  // throws std::invalid_argument that names the field

 private:
  void validate_columns() const;
  void validate_latent() const;
};

}  // namespace aevb
