// Parameters of encoder and decoder in one arena, with the optimiser's accumulators laid out alike.
#pragma once

#include "model/config.h"
#include "nn/dense.h"
#include "parallel/cancellation.h"

namespace aevb {

// The layers. The Gaussian likelihoods have two output layers, Bernoulli one.
struct Network {
  explicit Network(const Config& config);

  std::vector<Dense> encoder;  // hidden layers; none, and no heads, for Monte Carlo EM
  Dense heads;                 // of q(z|x): J means, J log-variances
  std::vector<Dense> decoder;  // hidden layers, from z on
  std::vector<Dense> outputs;  // logits, or mean and log_var
  size_t arena_size = 0;

  bool has_encoder() const { return !encoder.empty(); }
  std::vector<NamedWeights> named_weights() const;  // all outputs of all layers, by their names
};

// Floating-point operations of the products for one data row: forward, or the whole step.
double flops_per_row(const Network& network, size_t n_draws, bool gradients);

// Whether none of n values is infinite or NaN.
bool all_finite(const float* values, size_t n);

class Model {
 public:
  // Validates, allocates and draws the initial weights; throws what made the cancellation stop
  // that.
  Model(const Config& config, Cancellation& cancellation);
  // The same model again; throws what made the cancellation stop the copy.
  Model(const Model& other, Cancellation& cancellation);

  const Config& config() const { return config_; }
  Config& mutable_config() { return config_; }  // the caller keeps what shapes the network
  const Network& network() const { return network_; }
  const float* weights() const { return weights_.data(); }
  Arena arena() { return {weights_.data(), state1_.data(), state2_.data()}; }

  // Takes the weights and accumulators of a model of the same shape; the counts stay.
  void restore(const Model& other);

  // every weight and accumulator; and those of a range of the arena
  bool finite() const { return finite({0, network_.arena_size}); }
  bool finite(Range range) const;
  UpdateRule update_rule(uint64_t step, size_t n_rows, size_t n_train) const;  // step counts from 0

  uint64_t n_steps = 0;  // minibatches seen: the step word of the noise counter
  uint64_t n_samples_seen = 0;
  double bound_sum = 0.0;  // over those samples, each under the weights of its own step
  double seconds = 0.0;    // of training

 private:
  void draw_initial_weights(Cancellation& cancellation);

  Config config_;
  Network network_;
  Buffer<float> weights_;
  Buffer<float> state1_;
  Buffer<float> state2_;
};

}  // namespace aevb
