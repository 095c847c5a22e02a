#include "engine/layers.h"

namespace aevb {
namespace {

// A layer and what its weight gradient is made of; nonzeros of the input, or null.
struct Gradient {
  const Dense& layer;
  MatView in, delta;
  const Nonzeros* nonzeros = nullptr;
};

// The encoder's layers, from the first hidden one to the heads, then the decoder's.
size_t n_encoder_layers(const Network& net) {
  return net.has_encoder() ? net.encoder.size() + 1 : 0;
}
Gradient layer_gradient(const Pass& pass, size_t i) {
  Workspace& ws = pass.ws;
  const Network& net = pass.model.network();
  const auto view = [&](Matrix& m) { return m.view(pass.rows); };
  if (i < net.encoder.size()) {
    const MatView delta = view(ws.encoder_delta[i]);
    if (i > 0) return {net.encoder[i], view(ws.encoder[i - 1]), delta};
    return {net.encoder[0], pass.x(), delta, ws.rows_listed ? &ws.nonzeros : nullptr};
  }
  if (i < n_encoder_layers(net)) {
    return {net.heads, view(ws.encoder.back()), view(ws.dheads)};
  }
  i -= n_encoder_layers(net);
  const auto drawn = [&](Matrix& m) { return m.view(pass.drawn()); };
  if (i < net.decoder.size()) {
    return {net.decoder[i], drawn(i > 0 ? ws.decoder[i - 1] : ws.z), drawn(ws.decoder_delta[i])};
  }
  i -= net.decoder.size();
  return {net.outputs[i], drawn(ws.decoder.back()), drawn(ws.outputs[i])};
}

}  // namespace

void update(const Pass& pass, const Arena& arena, const UpdateRule& rule, Member& member,
            RowGather& meanwhile, Networks which) {
  const Network& net = pass.model.network();
  const size_t n_encoder = n_encoder_layers(net);
  const size_t end =
      which == Networks::encoder ? n_encoder : n_encoder + net.decoder.size() + net.outputs.size();
  const size_t begin = which == Networks::decoder ? n_encoder : 0;
  const auto gradient = [&](size_t i) { return layer_gradient(pass, begin + i); };
  const auto panels = [&](size_t i) -> Panels {
    const Dense& layer = gradient(i).layer;
    return {layer.n_out, ceil_div(layer.n_in, kInputBlock)};
  };
  stealing_for(member, end - begin, panels, {1, kUpdateBlocks}, [&](const Task& task) {
    if (!pass.may_continue(member)) return;
    const Gradient g = gradient(task.layer);
    PrefetchCursor prefetch = meanwhile.next();
    dense_update(pass.k, g.layer, arena, rule, g.in, g.delta, task.panel,
                 block_range(task.blocks, kInputBlock, g.layer.n_in), g.nonzeros, &prefetch);
    meanwhile.one();
  });
}

void ascend(const Kernels& k, const Network& network, const Arena& arena, float* gradient,
            const UpdateRule& rule, Member& member) {
  UpdateRule bias_rule = rule;
  bias_rule.decay = 0.0f;  // the prior is on weights
  const auto step = [&](size_t begin, size_t end, const UpdateRule& part_rule) {
    const Range lines = member.share((end - begin) / kLineFloats);
    const Range mine = {begin + lines.begin * kLineFloats, begin + lines.end * kLineFloats};
    if (mine.empty()) return;
    k.optimize(part_rule, gradient + mine.begin, mine, arena.weights, arena.state1, arena.state2);
    std::fill_n(gradient + mine.begin, mine.size(), 0.0f);
  };
  for (const std::vector<Dense>* layers : {&network.decoder, &network.outputs}) {
    for (const Dense& layer : *layers) {
      step(layer.offset, layer.bias_offset(), rule);
      step(layer.bias_offset(), layer.end(), bias_rule);
    }
  }
  member.barrier();
}

}  // namespace aevb
