#include "engine/layers.h"

namespace aevb {

void encode_hidden(const Pass& pass, Member& member) {
  const Network& network = pass.network;
  for (size_t i = network.encoder.begin; i + 1 < network.encoder.end; ++i) {
    // The layers next to z are small, so after the last hidden layer the output layers are
    // prefetched.
    const bool is_last = i + 2 == network.encoder.end;
    const LayerUse& next = network.layers[is_last ? network.outputs.begin : i + 1];
    const size_t first_panel =
        row_panels(next.layer.n_out, pass.rows_of(next.output)).first_panel(member);
    const PrefetchCursor then = pass.ws.gradients()
                                    ? panel_weights(next.layer, pass.weights, first_panel)
                                    : PrefetchCursor();
    forward_layer(pass, network.layers[i], member,
                  network.layers[i].input == Network::kX ? &pass.ws.nonzeros : nullptr, then);
  }
}

Range forward_heads(const Pass& pass, const Member& member) {
  const Range rows = share_rows(member, pass.rows);
  forward_layer_rows(pass, pass.network.heads_layer(), rows, member);
  return rows;
}

void list_rows(const Pass& pass, const Member& member) {
  Workspace& ws = pass.ws;
  const bool full = ws.nonzeros.full(pass.rows);
  if (!full) {
    constexpr size_t kBlocksTogether = 10;
    const Range mine = member.share(ceil_div(pass.inputs().cols, kInputBlock));
    for (size_t block = mine.begin; block < mine.end && pass.may_continue(member);
         block += kBlocksTogether) {
      ws.nonzeros.find_rows(pass.k, pass.inputs(),
                            {block, std::min(block + kBlocksTogether, mine.end)});
    }
  }
  if (member.rank() == 0) ws.rows_listed = !full;
}

void encode_heads(const Pass& pass, Member& member) {
  forward_heads(pass, member);
  member.barrier();
}

void encode_moments(const Pass& pass, Range rows, MatView mean, MatView deviation) {
  if (rows.empty()) return;
  pass.posterior.moments(latent_rows(pass, rows), mean.row(rows.begin), deviation.row(rows.begin));
}

void encode_and_sample(const Pass& pass, Member& member) {
  Workspace& ws = pass.ws;
  const Range rows = forward_heads(pass, member);
  for_own_rows(pass, member, rows, [&](Range some) {
    const LatentRows latent = latent_rows(pass, some);
    pass.fused_latent ? pass.k.latent_sample(latent) : pass.posterior.sample(latent);
  });
  if (ws.gradients()) list_rows(pass, member);
}

}  // namespace aevb
