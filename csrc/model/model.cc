#include "model/model.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "nn/random.h"

namespace aevb {
namespace {

constexpr size_t kMostDraws = (size_t{1} << 31) - 1;
constexpr size_t kAllRows = size_t{1} << 62;

}  // namespace

void Config::validate() const {
  const auto at_least_one = [](size_t value, const char* name) {
    check(value >= 1, std::string(name) + ": got 0, want at least 1");
  };
  at_least_one(n_visible, "n_visible");
  at_least_one(n_latent, "n_components");
  at_least_one(n_draws, "n_draws");
  at_least_one(batch_size, "batch_size");
  // So that no product with a count of theirs wraps around. All rows at once are 2^62 of them.
  check(n_draws <= kMostDraws,
        "n_draws: got " + std::to_string(n_draws) + ", want at most 2^31 - 1");
  check(batch_size <= kAllRows,
        "batch_size: got " + std::to_string(batch_size) + ", want at most 2^62");
  for (const size_t width : hidden) at_least_one(width, "hidden_layer_sizes");
  check(!hidden.empty(), "hidden_layer_sizes: got none, want at least one layer");
  check(std::isfinite(learning_rate) && learning_rate > 0,
        "learning_rate: want a positive finite number");
  check(std::isfinite(weight_decay) && weight_decay >= 0,
        "weight_decay: want a finite number >= 0");
  check(std::isfinite(init_scale) && init_scale >= 0, "init_scale: want a finite number >= 0");
}

Network::Network(const Config& config) {
  const auto add = [this](size_t n_in, size_t n_out) {
    const Dense layer = {n_in, n_out, arena_size};
    checked_product(checked_product(layer.n_panels(), n_in + 1), kPanel);
    arena_size = layer.end();
    return layer;
  };
  const size_t depth = config.hidden.size();
  if (config.algorithm != Algorithm::monte_carlo_em) {
    size_t width = config.n_visible;
    for (size_t i = 0; i < depth; ++i) {
      encoder.push_back(add(width, config.hidden[i]));
      width = config.hidden[i];
    }
    heads = add(width, checked_product(2, config.n_latent));
  }
  size_t width = config.n_latent;
  for (size_t i = 0; i < depth; ++i) {
    decoder.push_back(add(width, config.hidden[depth - 1 - i]));
    width = config.hidden[depth - 1 - i];
  }
  outputs.push_back(add(width, config.n_visible));
  if (config.likelihood != Likelihood::bernoulli) outputs.push_back(add(width, config.n_visible));
}

std::vector<NamedWeights> Network::named_weights() const {
  std::vector<NamedWeights> named;
  const auto add = [&](const std::string& name, const Dense& layer) {
    named.push_back({name, layer, {0, layer.n_out}});
  };
  for (size_t i = 0; i < encoder.size(); ++i) add("encoder.hidden" + std::to_string(i), encoder[i]);
  if (has_encoder()) {
    named.push_back({"encoder.mean", heads, {0, heads.n_out / 2}});
    named.push_back({"encoder.log_var", heads, {heads.n_out / 2, heads.n_out}});
  }
  for (size_t i = 0; i < decoder.size(); ++i) add("decoder.hidden" + std::to_string(i), decoder[i]);
  add(outputs.size() == 1 ? "decoder.logits" : "decoder.mean", outputs.front());
  if (outputs.size() > 1) add("decoder.log_var", outputs.back());
  return named;
}

double flops_per_row(const Network& network, size_t n_draws, bool gradients) {
  double weights = 0.0;
  const auto add = [&](const Dense& layer, size_t rows) {
    weights += static_cast<double>(layer.n_in) * static_cast<double>(layer.n_out) *
               static_cast<double>(rows);
  };
  for (const Dense& layer : network.encoder) add(layer, 1);
  add(network.heads, 1);
  for (const Dense& layer : network.decoder) add(layer, n_draws);
  for (const Dense& layer : network.outputs) add(layer, n_draws);
  return weights * (gradients ? 6.0 : 2.0);
}

Model::Model(const Config& config, Cancellation& cancellation)
    : config_((config.validate(), config)),
      network_(config),
      weights_(network_.arena_size),
      state1_(config.optimizer == Optimizer::sgd ? 0 : network_.arena_size),
      state2_(config.optimizer == Optimizer::adam ? network_.arena_size : 0) {
  draw_initial_weights(cancellation);
  cancellation.rethrow();
}

Model::Model(const Model& other, Cancellation& cancellation)
    : n_steps(other.n_steps),
      n_samples_seen(other.n_samples_seen),
      bound_sum(other.bound_sum),
      seconds(other.seconds),
      config_(other.config_),
      network_(other.network_) {
  copy(other.weights_, weights_, cancellation);
  copy(other.state1_, state1_, cancellation);
  copy(other.state2_, state2_, cancellation);
  cancellation.rethrow();
}

void Model::restore(const Model& other) {
  check(other.network_.arena_size == network_.arena_size &&
            other.config_.optimizer == config_.optimizer,
        "other: has another shape or optimizer");
  weights_ = other.weights_;
  state1_ = other.state1_;
  state2_ = other.state2_;
}

// Every parameter from N(0, init_scale^2), section 5 of the paper; row n_in of a part's draws is
// its bias.
void Model::draw_initial_weights(Cancellation& cancellation) {
  constexpr size_t kValues = size_t{1} << 20;  // at a time: some milliseconds
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
        pack_row(named, r, values.data() + (r - row) * n, weights_.data());
    }
    ++index;
  }
}

bool all_finite(const float* values, size_t n) {
  // The exponent of inf and NaN is all ones. Integer arithmetic, so that the compiler may vectorise
  // the reduction.
  uint32_t found = 0;
  for (size_t i = 0; i < n; ++i) {
    const uint32_t exponent = std::bit_cast<uint32_t>(values[i]) & 0x7f800000u;
    found |= exponent == 0x7f800000u ? 1u : 0u;
  }
  return found == 0;
}

bool Model::finite(Range range) const {
  bool finite = true;
  for (const Buffer<float>* buffer : {&weights_, &state1_, &state2_}) {
    const Range held = {range.begin, std::min(range.end, buffer->size())};  // it may have none
    finite = finite && (held.empty() || all_finite(buffer->data() + held.begin, held.size()));
  }
  return finite;
}

// Adagrad's first steps are nearly sign(g) for every weight at once, whatever the gradient: from
// N(0, 0.1^2) they can throw sigma so far that the accumulators never recover. Kingma's code lets
// the first 100 minibatches only accumulate; scaling step t by sqrt(t / (t + 20)) is as if 20 like
// it had gone before, and wastes none.
static double adagrad_warm_up(double t) { return std::sqrt(t / (t + 20.0)); }

// The minibatch's mean gradient, less the prior's -(1/N) w per row (MAP, appendix F's p(theta) =
// N(0, I)).
UpdateRule Model::update_rule(uint64_t step, size_t n_rows, size_t n_train) const {
  const double t = static_cast<double>(step) + 1.0;
  const double warm_up = config_.optimizer == Optimizer::adagrad ? adagrad_warm_up(t) : 1.0;
  return {.optimizer = config_.optimizer,
          .learning_rate = static_cast<float>(config_.learning_rate * warm_up),
          .scale = 1.0f / static_cast<float>(n_rows),
          .decay = config_.weight_decay / static_cast<float>(n_train),
          .mean_correction = static_cast<float>(1.0 / (1.0 - std::pow(0.9, t))),
          .variance_correction = static_cast<float>(1.0 / (1.0 - std::pow(0.999, t)))};
}

}  // namespace aevb
