// A model: its description, its parameters and the counts of its training.
#pragma once

#include "model/network.h"
#include "model/parameters.h"
#include "nn/units.h"
#include "parallel/cancellation.h"

namespace aevb {

class Model {
 public:
  // Validates, allocates, and draws the initial weights. Rethrows what the cancellation reports.
  Model(const Config& config, const Units& units, Cancellation& cancellation);
  // A copy. Rethrows what the cancellation reports.
  Model(const Model& other, Cancellation& cancellation);

  const Config& config() const { return config_; }
  Config& mutable_config() { return config_; }  // the caller must not change the network's shape
  const Units& units() const { return units_; }
  const Network& network() const { return network_; }
  const float* weights() const { return parameters_.data(Role::value); }
  const Parameters& parameters() const { return parameters_; }
  Parameters& parameters() { return parameters_; }

  // Copies the weights and accumulators of a model of the same shape; the counts stay.
  void restore(const Model& other);

  // Whether every weight and accumulator is finite.
  bool finite() const { return parameters_.finite({0, parameters_.size()}); }

  uint64_t n_steps = 0;  // minibatches seen; the step of the noise counter
  uint64_t n_samples_seen = 0;
  double bound_sum = 0.0;  // over those samples, each under the weights of its own step
  double seconds = 0.0;    // of training

 private:
  void draw_initial_weights(Cancellation& cancellation);

  Config config_;
  Units units_;
  Network network_;
  Parameters parameters_;
};

}  // namespace aevb
