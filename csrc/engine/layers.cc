#include "engine/layers.h"

namespace aevb {
namespace {

Activation function_of(const Pass& pass, const LayerUse& use) {
  return pass.network.activations[use.output].function;
}

}  // namespace

void forward_layer(const Pass& pass, const LayerUse& use, Member& member, const Nonzeros* nonzeros,
                   const PrefetchCursor& then) {
  const size_t n = pass.rows_of(use.output);
  const MatView in = pass.activation(use.input), out = pass.activation(use.output);
  PrefetchCursor prefetch;
  stealing_for(member, row_panels(use.layer.n_out, n), kForwardGrain, [&](const Task& task) {
    if (!pass.may_continue(member)) return;
    if (task.new_panel)
      prefetch = task.more ? panel_weights(use.layer, pass.weights, task.panel + 1) : then;
    dense_forward(pass.k, use.layer, pass.weights, in, out, function_of(pass, use), task.panel,
                  block_range(task.blocks, kRowBlock, n), nonzeros, &prefetch);
  });
  member.barrier();
}

void forward_layer_rows(const Pass& pass, const LayerUse& use, Range rows, const Member& member) {
  const MatView in = pass.activation(use.input), out = pass.activation(use.output);
  for_own_rows(pass, member, rows, [&](Range some) {
    for (size_t panel = 0; panel < use.layer.n_panels(); ++panel)
      dense_forward(pass.k, use.layer, pass.weights, in, out, function_of(pass, use), panel, some);
  });
}

void backward_layer(const Pass& pass, size_t activation, Member& member) {
  const Network& network = pass.network;
  const auto& [n_in, per_draw, function, consumers] = network.activations[activation];
  const size_t n = pass.rows_of(activation);
  const MatView h = pass.activation(activation), din = pass.delta(activation);
  size_t n_up = 0;
  bool pays = true;
  for (const size_t i : consumers) {
    n_up += round_up(network.layers[i].layer.n_out, kPanel);
    pays = pays && transposing_pays(network.layers[i].layer, n);
  }
  const bool transposes = n_up * kPanel <= kTransposeScratch && pays;
  float* scratch = pass.ws.scratch(member.rank());
  PrefetchCursor* cursors = pass.ws.cursors(member.rank());
  std::fill_n(cursors, consumers.size(), PrefetchCursor());
  stealing_for(member, row_panels(n_in, n), transposes ? kTransposingGrain : kForwardGrain,
               [&](const Task& task) {
                 if (!pass.may_continue(member)) return;
                 const Range rows = block_range(task.blocks, kRowBlock, n);
                 float* room = scratch;
                 for (size_t i = 0; i < consumers.size(); ++i) {
                   const LayerUse& up = network.layers[consumers[i]];
                   const float* transposed = nullptr;
                   if (pass.ws.transposed != nullptr) {
                     transposed = pass.ws.transposed->panel(consumers[i], task.panel);
                   } else {
                     if (task.new_panel) {
                       cursors[i] = task.more
                                        ? input_weights(up.layer, pass.weights, task.panel + 1)
                                        : PrefetchCursor();
                     }
                     if (transposes) {
                       if (task.new_panel)
                         dense_transpose(pass.k, up.layer, pass.weights, task.panel, room);
                       transposed = room;
                       room += up.layer.n_panels() * kPanel * kPanel;
                     }
                   }
                   dense_backward(pass.k, up.layer, pass.weights, transposed, pass.delta(up.output),
                                  din, i > 0, task.panel, rows, &cursors[i]);
                 }
                 const size_t column = task.panel * kPanel;
                 pass.k.differentiate(function, rows.size(), panel_width(n_in, task.panel),
                                      h.row(rows.begin) + column, h.stride,
                                      din.row(rows.begin) + column, din.stride);
               });
  member.barrier();
}

LatentRows latent_rows(const Pass& pass, Range rows) {
  Workspace& ws = pass.ws;
  const size_t first_draw = rows.begin * ws.n_draws;
  LatentRows latent = {};
  const Config& config = pass.model.config();
  latent.objective = config.objective;
  latent.prior = &pass.prior;
  latent.closed_kl = pass.closed_kl;
  latent.kl_weight = pass.settings.kl_weight;
  latent.rows = rows.size();
  latent.n_latent = config.n_latent;
  latent.n_draws = ws.n_draws;
  const MatView heads = ws.heads();
  for (size_t i = 0; i < pass.posterior.info.n_outputs; ++i) {
    const size_t column = pass.network.head(i).begin;
    latent.outputs[i] = heads.row(rows.begin) + column;
    if (ws.gradients()) latent.doutputs[i] = ws.dheads().row(rows.begin) + column;
  }
  latent.ld_heads = heads.stride;
  latent.noise = ws.eps.view().row(first_draw);
  latent.ld_noise = ws.eps.view().stride;
  latent.z = ws.z().row(first_draw);
  latent.ld = ws.z().stride;
  latent.term = ws.term.data() + rows.begin;
  latent.draw_term = ws.draw_term.data() + first_draw;
  return latent;
}

}  // namespace aevb
