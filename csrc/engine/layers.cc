#include "engine/layers.h"

namespace aevb {

void forward_layer(const Pass& pass, const Dense& layer, MatView in, MatView out,
                   Activation activation, size_t n, Member& member, const Nonzeros* nonzeros,
                   const PrefetchCursor& then) {
  const float* weights = pass.model.weights();
  PrefetchCursor prefetch;
  stealing_for(member, row_panels(layer.n_out, n), kForwardGrain, [&](const Task& task) {
    if (!pass.may_continue(member)) return;
    if (task.new_panel) prefetch = task.more ? panel_weights(layer, weights, task.panel + 1) : then;
    dense_forward(pass.k, layer, weights, in, out, activation, task.panel,
                  block_range(task.blocks, kRowBlock, n), nonzeros, &prefetch);
  });
  member.barrier();
}

void forward_layer_rows(const Pass& pass, const Dense& layer, MatView in, MatView out,
                        Activation activation, Range rows, const Member& member) {
  for_own_rows(pass, member, rows, [&](Range some) {
    for (size_t panel = 0; panel < layer.n_panels(); ++panel)
      dense_forward(pass.k, layer, pass.model.weights(), in, out, activation, panel, some);
  });
}

void backward_layer(const Pass& pass, std::initializer_list<Upstream> upstream, MatView din,
                    ConstMatView h, Activation activation, size_t n, Member& member) {
  const float* weights = pass.model.weights();
  const size_t n_in = upstream.begin()->layer.n_in;
  size_t n_up = 0;
  for (const Upstream& up : upstream) n_up += round_up(up.layer.n_out, kPanel);
  const bool transposes =
      n_up * kPanel <= kTransposeScratch && transposing_pays(upstream.begin()->layer, n);
  float* scratch = pass.ws.scratch(member.rank());
  PrefetchCursor prefetch[2];
  stealing_for(member, row_panels(n_in, n), transposes ? kTransposingGrain : kForwardGrain,
               [&](const Task& task) {
                 if (!pass.may_continue(member)) return;
                 const Range rows = block_range(task.blocks, kRowBlock, n);
                 float* room = scratch;
                 PrefetchCursor* next = prefetch;
                 for (const Upstream& up : upstream) {
                   const float* transposed = pass.ws.transposed(up.layer, task.panel);
                   if (task.new_panel && transposed == nullptr)
                     *next = task.more ? input_weights(up.layer, weights, task.panel + 1)
                                       : PrefetchCursor();
                   if (transposed == nullptr && transposes) {
                     if (task.new_panel)
                       dense_transpose(pass.k, up.layer, weights, task.panel, room);
                     transposed = room;
                     room += up.layer.n_panels() * kPanel * kPanel;
                   }
                   dense_backward(pass.k, up.layer, weights, transposed, up.delta, din,
                                  &up != upstream.begin(), task.panel, rows, next++);
                 }
                 const size_t column = task.panel * kPanel;
                 pass.k.differentiate(activation, rows.size(), panel_width(n_in, task.panel),
                                      h.row(rows.begin) + column, h.stride,
                                      din.row(rows.begin) + column, din.stride);
               });
  member.barrier();
}

LatentRows latent_rows(const Pass& pass, Range rows) {
  Workspace& ws = pass.ws;
  const size_t first_draw = rows.begin * ws.n_draws;
  LatentRows latent = {};
  latent.objective = pass.model.config().objective;
  latent.rows = rows.size();
  latent.n_latent = pass.model.config().n_latent;
  latent.n_draws = ws.n_draws;
  latent.mean = ws.mean().row(rows.begin);
  latent.log_var = ws.log_var().row(rows.begin);
  latent.ld_heads = ws.heads.view().stride;
  latent.eps = ws.eps.view().row(first_draw);
  latent.ld = ws.eps.view().stride;
  return latent;
}

}  // namespace aevb
