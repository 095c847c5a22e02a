#include "engine/layers.h"

namespace aevb {
namespace {

// The deltas of the inputs of these layers, from the last layer to the first but one. The first
// layer's input has no delta.
void backward_layers(const Pass& pass, Range layers, Member& member) {
  for (size_t i = layers.end - 1; i > layers.begin; --i)
    backward_layer(pass, pass.network.layers[i].input, member);
}

}  // namespace

void backward_decoder(const Pass& pass, Member& member) {
  // All output layers read one activation.
  backward_layers(pass, {pass.network.decoder.begin, pass.network.outputs.begin + 1}, member);
}

void backward_to_z(const Pass& pass, Member& member) {
  const LayerUse& use = pass.network.layers[pass.network.decoder.begin];
  if (use.layer.n_in > kPanel) return backward_layer(pass, use.input, member);
  // z has one panel, which every thread would have to transpose for its own rows.
  const float* transposed = pass.ws.transposed != nullptr
                                ? pass.ws.transposed->panel(pass.network.decoder.begin, 0)
                                : nullptr;
  const Range draws = draws_of(pass, share_rows(member, pass.rows));
  for_own_rows(pass, member, draws, [&](Range some) {
    dense_backward(pass.k, use.layer, pass.weights, transposed, pass.delta(use.output),
                   pass.delta(use.input), false, 0, some);
  });
}

void backward_encoder(const Pass& pass, Member& member) {
  Workspace& ws = pass.ws;
  const ObjectiveInfo& objective = pass.k.objectives[pass.model.config().objective];
  if (objective.differentiates_z) backward_to_z(pass, member);

  for_own_rows(pass, member, share_rows(member, pass.rows), [&](Range some) {
    LatentRows latent = latent_rows(pass, some);
    latent.dz = ws.dz().row(some.begin * ws.n_draws);
    latent.f = ws.f.data() + some.begin * ws.n_draws;
    if (pass.fused_latent) return pass.k.latent_backward(latent);
    latent.draws = ws.draws.data() + some.begin * ws.n_draws;
    if (!ws.kl_weight.empty()) latent.kl_component_weight = ws.kl_weight.data();
    pass.posterior.backward(latent);
  });
  member.barrier();

  backward_layers(pass, pass.network.encoder, member);
}

void recognize(const Pass& pass, Member& member) {
  for_own_rows(pass, member, forward_heads(pass, member),
               [&](Range some) { pass.posterior.recognize(latent_rows(pass, some)); });
  list_rows(pass, member);
  member.barrier();
  backward_layers(pass, pass.network.encoder, member);
}

}  // namespace aevb
