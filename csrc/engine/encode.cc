#include "engine/layers.h"

namespace aevb {

void encode_hidden(const Pass& pass, Member& member) {
  const Network& net = pass.model.network();
  MatView in = pass.x();
  for (size_t i = 0; i < net.encoder.size(); ++i) {
    const bool is_last = i + 1 == net.encoder.size();
    // after the last: the layers about z are small
    const Dense& next = is_last ? net.outputs.front() : net.encoder[i + 1];
    const size_t n_next = is_last ? pass.drawn() : pass.rows;
    const size_t first_panel = row_panels(next.n_out, n_next).first_panel(member);
    const MatView h = pass.ws.encoder[i].view();
    forward_layer(pass, net.encoder[i], in, h, pass.model.config().activation, pass.rows, member,
                  i == 0 ? &pass.ws.nonzeros : nullptr,
                  pass.ws.gradients() ? panel_weights(next, pass.model.weights(), first_panel)
                                      : PrefetchCursor());
    in = h;
  }
}

Range forward_heads(const Pass& pass, const Member& member) {
  const Range rows = share_rows(member, pass.rows);
  forward_layer_rows(pass, pass.model.network().heads, pass.ws.encoder.back().view(),
                     pass.ws.heads.view(), Activation::identity, rows, member);
  return rows;
}

void list_rows(const Pass& pass, const Member& member) {
  Workspace& ws = pass.ws;
  const bool full = ws.nonzeros.full(pass.rows);
  if (!full) {
    constexpr size_t kTogether = 10;
    const Range mine = member.share(ceil_div(pass.x().cols, kInputBlock));
    for (size_t block = mine.begin; block < mine.end && pass.may_continue(member);
         block += kTogether)
      ws.nonzeros.find_rows(pass.k, pass.x(), {block, std::min(block + kTogether, mine.end)});
  }
  if (member.rank() == 0) ws.rows_listed = !full;
}

void encode_heads(const Pass& pass, Member& member) {
  forward_heads(pass, member);
  member.barrier();
}

void encode_and_sample(const Pass& pass, Member& member) {
  Workspace& ws = pass.ws;
  const Range rows = forward_heads(pass, member);
  for_own_rows(pass, member, rows, [&](Range some) {
    LatentRows latent = latent_rows(pass, some);
    latent.z = ws.z.view().row(some.begin * ws.n_draws);
    latent.term = ws.term.data() + some.begin;
    latent.draw_term = ws.draw_term.data() + some.begin * ws.n_draws;
    pass.k.latent_sample(latent);
  });
  if (ws.gradients()) list_rows(pass, member);
}

}  // namespace aevb
