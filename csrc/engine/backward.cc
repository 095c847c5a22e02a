#include "engine/layers.h"

namespace aevb {

void backward_decoder(const Pass& pass, Member& member) {
  Workspace& ws = pass.ws;
  const Network& net = pass.model.network();
  const Activation activation = pass.model.config().activation;
  const size_t depth = ws.decoder.size();
  if (ws.outputs.size() == 1) {
    backward_layer(pass, {{net.outputs[0], ws.outputs[0].view()}},
                   ws.decoder_delta[depth - 1].view(), ws.decoder[depth - 1].view(), activation,
                   pass.drawn(), member);
  } else {
    backward_layer(pass,
                   {{net.outputs[0], ws.outputs[0].view()}, {net.outputs[1], ws.outputs[1].view()}},
                   ws.decoder_delta[depth - 1].view(), ws.decoder[depth - 1].view(), activation,
                   pass.drawn(), member);
  }
  for (size_t i = depth - 1; i > 0; --i) {
    backward_layer(pass, {{net.decoder[i], ws.decoder_delta[i].view()}},
                   ws.decoder_delta[i - 1].view(), ws.decoder[i - 1].view(), activation,
                   pass.drawn(), member);
  }
}

void backward_to_z(const Pass& pass, Member& member) {
  Workspace& ws = pass.ws;
  const Dense& layer = pass.model.network().decoder[0];
  if (layer.n_in > kPanel) {
    return backward_layer(pass, {{layer, ws.decoder_delta[0].view()}}, ws.dz.view(), ws.z.view(),
                          Activation::identity, pass.drawn(), member);
  }
  // One panel: every thread would have to transpose it, for rows with which it goes on.
  const Range draws = draws_of(pass, share_rows(member, pass.rows));
  for_own_rows(pass, member, draws, [&](Range some) {
    dense_backward(pass.k, layer, pass.model.weights(), ws.transposed(layer, 0),
                   ws.decoder_delta[0].view(), ws.dz.view(), false, 0, some);
  });
}

namespace {

void backward_from_heads(const Pass& pass, Member& member) {
  Workspace& ws = pass.ws;
  const Network& net = pass.model.network();
  const Activation activation = pass.model.config().activation;
  const size_t depth = ws.encoder.size();
  backward_layer(pass, {{net.heads, ws.dheads.view()}}, ws.encoder_delta[depth - 1].view(),
                 ws.encoder[depth - 1].view(), activation, pass.rows, member);
  for (size_t i = depth - 1; i > 0; --i) {
    backward_layer(pass, {{net.encoder[i], ws.encoder_delta[i].view()}},
                   ws.encoder_delta[i - 1].view(), ws.encoder[i - 1].view(), activation, pass.rows,
                   member);
  }
}

}  // namespace

void backward_encoder(const Pass& pass, Member& member) {
  Workspace& ws = pass.ws;
  if (pass.model.config().objective != Objective::score_function) backward_to_z(pass, member);

  for_own_rows(pass, member, share_rows(member, pass.rows), [&](Range some) {
    LatentRows latent = latent_rows(pass, some);
    latent.dz = ws.dz.view().row(some.begin * ws.n_draws);
    latent.f = ws.f.data() + some.begin * ws.n_draws;
    latent.dmean = ws.dmean().row(some.begin);
    latent.dlog_var = ws.dlog_var().row(some.begin);
    pass.k.latent_backward(latent);
  });
  member.barrier();

  backward_from_heads(pass, member);
}

void recognize(const Pass& pass, Member& member) {
  Workspace& ws = pass.ws;
  for_own_rows(pass, member, forward_heads(pass, member), [&](Range some) {
    LatentRows latent = latent_rows(pass, some);
    latent.z = ws.z.view().row(some.begin);
    latent.dmean = ws.dmean().row(some.begin);
    latent.dlog_var = ws.dlog_var().row(some.begin);
    pass.k.latent_recognize(latent);
  });
  list_rows(pass, member);
  member.barrier();
  backward_from_heads(pass, member);
}

}  // namespace aevb
