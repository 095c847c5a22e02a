#include "model/workspace.h"

namespace aevb {

Workspace::Workspace(const Model& model, size_t rows, size_t draws, bool gradients, int threads)
    : n_draws(draws), index(rows), ids(rows) {
  const Config& config = model.config();
  const size_t n_latent = config.n_latent;
  const size_t drawn = checked_product(rows, draws);
  x[0] = Matrix(rows, config.n_visible);
  if (gradients) x[1] = Matrix(rows, config.n_visible);
  nonzeros = Nonzeros(rows, config.n_visible);
  heads = Matrix(rows, 2 * n_latent);
  eps = Matrix(drawn, n_latent);
  z = Matrix(drawn, n_latent);
  for (const Dense& layer : model.network().encoder) encoder.emplace_back(rows, layer.n_out);
  for (const Dense& layer : model.network().decoder) decoder.emplace_back(drawn, layer.n_out);
  for (const Dense& layer : model.network().outputs) outputs.emplace_back(drawn, layer.n_out);
  n_partials = model.network().outputs.front().n_panels();
  partial.resize(checked_product(drawn, n_partials));
  term.resize(rows);
  draw_term.resize(drawn);
  f.resize(drawn);
  bound.resize(rows);
  variance.resize(rows);
  if (!gradients) return;
  for (const Dense& layer : model.network().encoder) encoder_delta.emplace_back(rows, layer.n_out);
  for (const Dense& layer : model.network().decoder) decoder_delta.emplace_back(drawn, layer.n_out);
  dz = Matrix(drawn, n_latent);
  dheads = Matrix(rows, 2 * n_latent);
  scratch_ = Buffer<float>(static_cast<size_t>(threads) * kTransposeScratch);
}

void Workspace::keep_transposed(const Model& model) {
  for (const Dense& layer : model.network().decoder) transposed_.emplace_back(layer);
  for (const Dense& layer : model.network().outputs) transposed_.emplace_back(layer);
}

void Workspace::transpose(const Kernels& k, const Model& model) {
  for (Transposed& kept : transposed_) kept.make(k, model.weights());
}

const float* Workspace::transposed(const Dense& layer, size_t panel) const {
  for (const Transposed& kept : transposed_) {
    if (&kept.layer() == &layer) return kept.panel(panel);
  }
  return nullptr;
}

}  // namespace aevb
