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

  // Whether some weights have a posterior, and not one value.
  bool has_weight_posterior() const { return !network_.variational.empty(); }
  // KL(q(theta) || p(theta)) of these weights in nats, the last terms of eq. 24. 0 without any.
  double weight_kl() const;
  // Makes q(theta) of now the prior of each weight.
  void keep_posterior_as_prior();
  // Multiplies the optimizer's sums of squares.
  void scale_squares(float factor);

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
  // Calls f(at, n) for the n weights from index `at` of the arena on, in each row of a panel.
  template <class F>
  void for_variational_rows(F f) const;

  Config config_;
  Units units_;
  Network network_;
  Parameters parameters_;
};

}  // namespace aevb
