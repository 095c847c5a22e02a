#include "model/model.h"

#include <algorithm>
#include <cmath>

#include "nn/random.h"

namespace aevb {
namespace {

// log 0.01. The first draws of the weights are then close to their means, of which init_scale says
// how they spread. Training finds the deviations that suit the data.
constexpr float kInitialLogSd = -4.6051702f;

// Every column of x belongs to one column of the data, and levels to a likelihood with as many.
void check_layout(const Config& config, const Units& units) {
  if (!units.has_layout()) {
    const auto has_levels = [](const ColumnBlock& block) { return !block.levels.empty(); };
    check(std::none_of(config.columns.begin(), config.columns.end(), has_levels),
          "places, levels: want those of the columns with levels");
    return;
  }
  std::vector<uint32_t> expected(config.n_visible(), 1), found(config.n_visible(), 1);
  std::vector<size_t> owners(config.n_visible());
  size_t column = 0;
  for (const ColumnBlock& block : config.columns) {
    size_t own = column;
    for (const uint32_t levels : block.levels) {
      expected[own] = levels + 1;
      own += levels;
    }
    column += block.n_columns;
  }
  for (size_t c = 0; c < units.size(); ++c) {
    const size_t place = units.place(c), width = std::max<size_t>(1, units.levels()[c]);
    check(place < owners.size() && width <= owners.size() - place, "places: want columns of x");
    found[place] = units.levels()[c] + 1;
    for (size_t i = 0; i < width; ++i) ++owners[place + i];
  }
  check(found == expected &&
            std::all_of(owners.begin(), owners.end(), [](size_t n) { return n == 1; }),
        "places, levels: want each column of x once, and the levels of the likelihoods");
}

}  // namespace

Model::Model(const Config& config, const Units& units, Cancellation& cancellation)
    : config_((config.validate(), config)),
      units_(units),
      network_(config),
      parameters_(network_.arena_size, kernels().optimizers[config.optimizer].info.n_states,
                  !network_.variational.empty()) {
  check(units.size() == 0 || units.size() == config.n_variables(),
        "location, scale: want one value per column");
  check_layout(config, units);
  draw_initial_weights(cancellation);
  float* log_sd = parameters_.data(Role::log_sd);
  for_variational_rows([&](size_t at, size_t n) { std::fill_n(log_sd + at, n, kInitialLogSd); });
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
      parameters_(other.parameters_.size(), 0, false) {
  for (const Role role : kRoles)
    copy(other.parameters_.array(role), parameters_.array(role), cancellation);
  cancellation.rethrow();
}

void Model::restore(const Model& other) {
  check(other.network_.arena_size == network_.arena_size &&
            other.config_.optimizer == config_.optimizer &&
            other.config_.weight_posterior == config_.weight_posterior,
        "other: want a model of the same shape, optimizer and weight posterior");
  parameters_ = other.parameters_;
}

template <class F>
void Model::for_variational_rows(F f) const {
  for (size_t i = network_.variational.begin; i < network_.variational.end; ++i) {
    const Dense& layer = network_.layers[i].layer;
    for (size_t panel = 0; panel < layer.n_panels(); ++panel) {
      const size_t width = panel_width(layer.n_out, panel);
      for (size_t row = 0; row < layer.n_in; ++row)
        f(layer.panel_offset(panel) + row * kPanel, width);
      f(layer.bias_offset(panel), width);
    }
  }
}

double Model::weight_kl() const {
  const float* mean = weights();
  const float* log_sd = parameters_.data(Role::log_sd);
  const float* prior_mean = parameters_.data(Role::prior_mean);
  const float* prior_log_sd = parameters_.data(Role::prior_log_sd);
  const double fixed = -0.5 * std::log(static_cast<double>(config_.weight_decay));
  double kl = 0.0;
  for_variational_rows([&](size_t at, size_t n) {
    for (size_t i = at; i < at + n; ++i) {
      const double m = mean[i], s = log_sd[i];
      const double m0 = prior_mean != nullptr ? prior_mean[i] : 0.0;
      const double s0 = prior_log_sd != nullptr ? prior_log_sd[i] : fixed;
      kl += 0.5 * (std::exp(2.0 * (s - s0)) - 1.0 + (m - m0) * (m - m0) * std::exp(-2.0 * s0)) -
            (s - s0);
    }
  });
  return kl;
}

void Model::keep_posterior_as_prior() {
  check(has_weight_posterior(), "weight_posterior: the model has none");
  parameters_.array(Role::prior_mean) = parameters_.array(Role::value);
  parameters_.array(Role::prior_log_sd) = parameters_.array(Role::log_sd);
}

void Model::scale_squares(float factor) {
  const size_t squares = kernels().optimizers[config_.optimizer].info.squares;
  if (squares == 0) return;
  for (const size_t first : {static_cast<size_t>(Role::value), static_cast<size_t>(Role::log_sd)}) {
    float* sums = parameters_.data(kRoles[first + squares]);
    for (size_t i = 0; sums != nullptr && i < parameters_.size(); ++i) sums[i] *= factor;
  }
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
