#include "model/workspace.h"

namespace aevb {

TransposedDecoder::TransposedDecoder(const Model& model) : first_(model.network().decoder.begin) {
  const Network& network = model.network();
  for (size_t i = first_; i < network.layers.size(); ++i)
    layers_.emplace_back(network.layers[i].layer);
}

void TransposedDecoder::make(const Kernels& k, const float* weights) {
  for (Transposed& layer : layers_) layer.make(k, weights);
}

Workspace::Workspace(const Model& model, size_t rows, size_t draws, bool gradients, int threads,
                     bool holes)
    : n_draws(draws),
      holes(holes),
      index(rows),
      ids(rows),
      nonzeros(rows, model.network().activations[Network::kX].width),
      heads_(model.network().heads),
      z_(model.network().z) {
  const Network& network = model.network();
  const size_t drawn = checked_product(rows, draws);
  for (size_t slot = 0; slot < (gradients ? 2 : 1); ++slot) {
    x[slot] = Matrix(rows, model.config().n_visible());
    if (holes || (network.has_encoder() && network.has_inputs))
      inputs[slot] = Matrix(rows, network.activations[Network::kX].width);
  }
  if (holes && !model.units().log_jacobians().empty()) log_jacobian.resize(rows);
  const size_t first_output = network.layers[network.outputs.begin].output;
  size_t most_consumers = kMostOutputs;
  for (size_t i = 0; i < network.activations.size(); ++i) {
    const auto& [width, per_draw, function, consumers] = network.activations[i];
    const size_t n = per_draw ? drawn : rows;
    activations.push_back(i == Network::kX ? Matrix() : Matrix(n, width));
    if (gradients)
      deltas.push_back(i == Network::kX || i >= first_output ? Matrix() : Matrix(n, width));
    most_consumers = std::max(most_consumers, consumers.size());
  }
  const Config& config = model.config();
  const size_t n_noise = kernels().posteriors[config.posterior].info.n_noise;
  eps = Matrix(drawn, checked_product(n_noise, config.n_latent));
  partial.resize(checked_product(drawn, network.n_panels));
  term.resize(rows);
  draw_term.resize(drawn);
  f.resize(drawn);
  if (!config.has_fused_latent()) {
    this->draws.resize(drawn);
    log_w.resize(drawn);
    scaled.resize(drawn);
  }
  if (gradients && config.free_bits > 0.0f) {
    kl = Matrix(rows, config.n_latent);
    kl_weight.resize(round_up(config.n_latent, kPanel));
  }
  bound.resize(rows);
  variance.resize(rows);
  // whole cache lines, so no two threads write to the same one
  n_cursors_ = round_up(most_consumers, kCacheLine / sizeof(uint64_t));
  const auto n_threads = static_cast<size_t>(threads);
  cursors_ = Buffer<PrefetchCursor>(n_threads * n_cursors_);
  if (gradients) scratch_ = Buffer<float>(n_threads * kTransposeScratch);
}

}  // namespace aevb
