#include <algorithm>

#include "engine/layers.h"

namespace aevb {
namespace {

// Adagrad's damping for wake-sleep. Its first dreams come from an untrained decoder. With large
// steps, the encoder learns log-variances from them that are far too large for data. So above 0.02,
// the first steps are as small as those of the rate 0.02.
double wake_sleep_damping(double damping, float learning_rate) {
  const float excess = std::max(1.0f, learning_rate / 0.02f);
  return damping * static_cast<double>(excess * excess);
}

}  // namespace

UpdateRule update_rule(const Config& config, const StepSettings& settings, uint64_t t,
                       size_t n_rows, size_t n_train) {
  UpdateRule rule = {.optimizer = config.optimizer,
                     .learning_rate = settings.learning_rate,
                     .scale = 1.0f / static_cast<float>(n_rows),
                     .decay = config.weight_decay / static_cast<float>(n_train),
                     .prior_share = static_cast<float>(n_rows) / static_cast<float>(n_train)};
  if (config.algorithm == Algorithm::wake_sleep)
    rule.damping = wake_sleep_damping(rule.damping, config.learning_rate);
  kernels().optimizers[config.optimizer].prepare(static_cast<double>(t) + 1.0, rule);
  return rule;
}

namespace {

Range layers_of(const Network& network, Networks which) {
  return {which == Networks::decoder ? network.decoder.begin : 0,
          which == Networks::encoder ? network.encoder.end : network.layers.size()};
}

// The weights of a layer that this pass has drawn; none if it reads the model's own.
DrawnWeights drawn_weights(const Pass& pass, size_t layer) {
  const Range variational = pass.network.variational;
  if (pass.weights == pass.model.weights() || layer < variational.begin ||
      layer >= variational.end) {
    return {};
  }
  return {pass.weights, pass.model.config().weight_decay};
}

}  // namespace

void update(const Pass& pass, const Arena& arena, const UpdateRule& rule, Member& member,
            RowGather& meanwhile, Networks which) {
  const Network& network = pass.network;
  const Range range = layers_of(network, which);
  const auto panels = [&](size_t i) -> Panels {
    const Dense& layer = network.layers[range.begin + i].layer;
    return {layer.n_out, std::max<size_t>(1, ceil_div(layer.n_in, kInputBlock))};
  };
  stealing_for(member, range.size(), panels, {1, kUpdateBlocks}, [&](const Task& task) {
    if (!pass.may_continue(member)) return;
    const LayerUse& use = network.layers[range.begin + task.layer];
    const bool lists = use.input == Network::kX && pass.ws.rows_listed;
    PrefetchCursor prefetch = meanwhile.next();
    dense_update(pass.k, use.layer, arena, rule, pass.activation(use.input), pass.delta(use.output),
                 task.panel, block_range(task.blocks, kInputBlock, use.layer.n_in),
                 lists ? &pass.ws.nonzeros : nullptr, &prefetch,
                 drawn_weights(pass, range.begin + task.layer));
    meanwhile.one();
  });
}

void ascend(const Kernels& k, const Network& network, const Arena& arena, float* gradient,
            const UpdateRule& rule, Member& member, Networks which) {
  const Range layers = layers_of(network, which);
  UpdateRule bias_rule = rule;
  bias_rule.decay = 0.0f;  // the prior is on weights alone
  const auto step = [&](size_t begin, size_t end, const UpdateRule& own_rule) {
    const Range lines = member.share((end - begin) / kLineFloats);
    const Range mine = {begin + lines.begin * kLineFloats, begin + lines.end * kLineFloats};
    if (mine.empty()) return;
    k.optimize(own_rule, gradient + mine.begin, mine, arena.weights, arena.state1, arena.state2);
    std::fill_n(gradient + mine.begin, mine.size(), 0.0f);
  };
  for (size_t i = layers.begin; i < layers.end; ++i) {
    const Dense& layer = network.layers[i].layer;
    step(layer.offset, layer.bias_offset(), rule);
    step(layer.bias_offset(), layer.end(), bias_rule);
  }
  member.barrier();
}

}  // namespace aevb
