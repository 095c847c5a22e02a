#include "engine/layers.h"

namespace aevb {

void forward_layer(const Pass& pass, const Dense& layer, MatView in, MatView out,
                   Activation activation, size_t n, Member& member, const Nonzeros* nonzeros,
                   const Ahead& then) {
  const float* weights = pass.model.weights();
  Ahead ahead;
  deal(member, row_panels(layer.n_out, n), kForwardGrain, [&](const Piece& piece) {
    if (!pass.goes_on(member)) return;
    if (piece.new_panel) ahead = piece.more ? panel_weights(layer, weights, piece.panel + 1) : then;
    dense_forward(pass.k, layer, weights, in, out, activation, piece.panel,
                  block_range(piece.blocks, kRowBlock, n), nonzeros, &ahead);
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
  Ahead ahead[2];
  deal(member, row_panels(n_in, n), transposes ? kTransposingGrain : kForwardGrain,
       [&](const Piece& piece) {
         if (!pass.goes_on(member)) return;
         const Range rows = block_range(piece.blocks, kRowBlock, n);
         float* room = scratch;
         Ahead* next = ahead;
         for (const Upstream& up : upstream) {
           const float* transposed = pass.ws.transposed(up.layer, piece.panel);
           if (piece.new_panel && transposed == nullptr)
             *next = piece.more ? input_weights(up.layer, weights, piece.panel + 1) : Ahead();
           if (transposed == nullptr && transposes) {
             if (piece.new_panel) dense_transpose(pass.k, up.layer, weights, piece.panel, room);
             transposed = room;
             room += up.layer.n_panels() * kPanel * kPanel;
           }
           dense_backward(pass.k, up.layer, weights, transposed, up.delta, din,
                          &up != upstream.begin(), piece.panel, rows, next++);
         }
         const size_t column = piece.panel * kPanel;
         pass.k.differentiate(activation, rows.size(), panel_width(n_in, piece.panel),
                              h.row(rows.begin) + column, h.stride, din.row(rows.begin) + column,
                              din.stride);
       });
  member.barrier();
}

LatentRows latent_rows(const Pass& pass, Range rows) {
  Workspace& ws = pass.ws;
  const size_t first_draw = rows.begin * ws.n_draws;
  LatentRows latent = {};
  latent.estimator = pass.model.config().estimator;
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
