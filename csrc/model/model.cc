#include "model/model.h"

#include <algorithm>

#include "nn/random.h"

namespace aevb {

Model::Model(const Config& config, const Units& units, Cancellation& cancellation)
    : config_((config.validate(), config)),
      units_(units),
      network_(config),
      parameters_(network_.arena_size, kernels().optimizers[config.optimizer].info.n_states) {
  check(units.size() == 0 || units.size() == config.n_visible(),
        "location, scale: want one value per column");
  draw_initial_weights(cancellation);
  cancellation.rethrow();
}

Model::Model(const Model& other, Cancellation& cancellation)
    : n_steps(other.n_steps),
      n_samples_seen(other.n_samples_seen),
      bound_sum(other.bound_sum),
      seconds(other.seconds),
      config_(other.config_),
      units_(other.units_),
      network_(other.network_),
      parameters_(other.parameters_.size(), 0) {
  for (const Role role : kRoles)
    copy(other.parameters_.array(role), parameters_.array(role), cancellation);
  cancellation.rethrow();
}

void Model::restore(const Model& other) {
  check(other.network_.arena_size == network_.arena_size &&
            other.config_.optimizer == config_.optimizer,
        "other: want a model of the same shape and optimizer");
  parameters_ = other.parameters_;
}

// Draws every parameter from N(0, init_scale^2), section 5 of the paper. Row n_in of the draws of a
// named weight is its bias.
void Model::draw_initial_weights(Cancellation& cancellation) {
  constexpr size_t kValues = size_t{1} << 20;  // at a time, in some milliseconds
  const Kernels& k = kernels();
  const SerialTeam serial;
  uint64_t index = 0;
  for (const NamedWeights& named : network_.named_weights()) {
    const size_t n = named.outputs.size();
    const size_t some = std::clamp(kValues / n, size_t{1}, named.layer.n_in + 1);
    std::vector<float> values(some * n);
    std::vector<uint64_t> ids(some);
    for (size_t row = 0; row <= named.layer.n_in; row += some) {
      if (!cancellation.may_continue(serial)) return;
      const Range rows = {row, std::min(row + some, named.layer.n_in + 1)};
      for (size_t r = rows.begin; r < rows.end; ++r) ids[r - row] = noise_id(index, r);
      k.normal(noise_rows(config_.seed, stream(Purpose::init), ids.data(), rows.size(), 1,
                          {values.data(), 0, n, n}));
      for (float& value : values) value *= config_.init_scale;
      for (size_t r = rows.begin; r < rows.end; ++r)
        pack_row(named, r, values.data() + (r - row) * n, parameters_.data(Role::value));
    }
    ++index;
  }
}

}  // namespace aevb
