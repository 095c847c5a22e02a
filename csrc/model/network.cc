#include "model/network.h"

#include <algorithm>
#include <utility>

namespace aevb {
Network::Network(const Config& config)
    : has_closed_kl(config.has_closed_kl()),
      posterior_(&kernels().posteriors[config.posterior].info),
      n_latent_(config.n_latent) {
  add_activation(config.n_visible() + (config.mask_inputs ? config.n_variables() : 0), false);
  has_inputs = config.mask_inputs ||
               std::any_of(config.columns.begin(), config.columns.end(), [](const auto& block) {
                 return kernels().likelihoods[block.likelihood].info.input() != Input::as_is;
               });
  if (config.algorithm != Algorithm::monte_carlo_em) add_encoder(config);
  add_decoder(config);
  if (config.weight_posterior != WeightPosterior::none) {
    const bool all = config.weight_posterior == WeightPosterior::gaussian;
    variational = {all ? 0 : decoder.begin, layers.size()};
  }
}

size_t Network::add_activation(size_t width, bool per_draw, Activation function) {
  activations.push_back({width, per_draw, function, {}});
  return activations.size() - 1;
}

size_t Network::add_layer(std::string name, size_t input, size_t n_out, Activation activation,
                          bool is_constant, size_t width) {
  const Dense layer = {is_constant ? 0 : activations[input].width, n_out, arena_size};
  checked_product(checked_product(layer.n_panels(), layer.n_in + 1), kPanel);
  arena_size = layer.end();
  if (!is_constant) activations[input].consumers.push_back(layers.size());
  const size_t output =
      add_activation(std::max(n_out, width), activations[input].per_draw, activation);
  layers.push_back({std::move(name), layer, input, output});
  return output;
}

void Network::add_encoder(const Config& config) {
  size_t h = kX;
  for (size_t i = 0; i < config.hidden.size(); ++i)
    h = add_layer("encoder.hidden" + std::to_string(i), h, config.hidden[i], config.activation);
  checked_product(checked_product(config.n_latent, config.n_latent + 1), kMostHeads);
  heads = add_layer("encoder.heads", h, head(posterior_->n_outputs).begin, Activation::identity);
  encoder = {0, layers.size()};
}

void Network::add_decoder(const Config& config) {
  z = add_activation(config.n_latent, true);
  decoder.begin = layers.size();
  size_t h = z;
  const size_t depth = config.hidden.size();
  for (size_t i = 0; i < depth; ++i) {
    h = add_layer("decoder.hidden" + std::to_string(i), h, config.hidden[depth - 1 - i],
                  config.activation);
  }
  decoder.end = layers.size();
  add_outputs(config, h);
}

void Network::add_outputs(const Config& config, size_t input) {
  outputs.begin = layers.size();
  size_t column = 0, n_noise = 0;
  for (const ColumnBlock& block : config.columns) {
    const LikelihoodInfo& info = kernels().likelihoods[block.likelihood].info;
    const std::string prefix =
        config.columns.size() == 1 ? "decoder." : std::string("decoder.") + info.name + ".";
    const size_t first = layers.size();
    for (size_t i = 0; i < info.n_outputs; ++i) {
      // The first output's place is also that of means and draws of x.
      add_layer(prefix + info.outputs[i], input,
                info.width(i, block.n_columns, block.n_variables()), Activation::identity,
                info.is_constant(i), i == 0 ? block.n_columns : 0);
    }
    const Range columns = {column, column + block.n_columns};
    std::vector<uint32_t> groups = block.levels;
    if (info.is_joint) groups = {static_cast<uint32_t>(block.n_columns)};
    has_groups = has_groups || !groups.empty();
    const size_t own_panels = groups.empty() ? ceil_div(block.n_columns, kPanel) : 1;
    blocks.push_back(
        {block.likelihood, columns, {first, layers.size()}, n_panels, n_noise, std::move(groups)});
    n_noise += ceil_div(block.n_columns, 4);
    n_panels += own_panels;
    column = columns.end;
  }
  outputs.end = layers.size();
}

Range Network::head(size_t output) const {
  const size_t begin = output * n_latent_;  // only the last output may be wider or narrower
  if (output == posterior_->n_outputs) {
    const Range last = head(output - 1);
    return {last.end, last.end};
  }
  return {begin, begin + posterior_->width(output, n_latent_)};
}

std::vector<NamedWeights> Network::named_weights(Range some) const {
  std::vector<NamedWeights> named;
  for (size_t i = some.begin; i < some.end; ++i) {
    const auto& [name, layer, input, output] = layers[i];
    if (!has_encoder() || i + 1 != encoder.end) {
      named.push_back({name, layer, {0, layer.n_out}});
      continue;
    }
    for (size_t o = 0; o < posterior_->n_outputs; ++o) {
      if (!head(o).empty())
        named.push_back({std::string("encoder.") + posterior_->outputs[o], layer, head(o)});
    }
  }
  return named;
}

double flops_per_row(const Network& network, size_t n_draws, bool gradients) {
  double weights = 0.0;
  for (const LayerUse& use : network.layers) {
    const size_t rows = network.activations[use.output].per_draw ? n_draws : 1;
    weights += static_cast<double>(use.layer.n_in) * static_cast<double>(use.layer.n_out) *
               static_cast<double>(rows);
  }
  return weights * (gradients ? 6.0 : 2.0);
}

}  // namespace aevb
