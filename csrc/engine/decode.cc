#include "engine/layers.h"

namespace aevb {

void decode_hidden(const Pass& pass, Member& member) {
  const Network& network = pass.network;
  for (size_t i = network.decoder.begin; i < network.decoder.end; ++i) {
    const LayerUse& use = network.layers[i];
    // If every thread has rows, each goes on with the z of its own rows. A narrow z has so little
    // work that a barrier would cost more than the sharing of panels gains.
    if (use.input == network.z && use.layer.n_in <= kPanel &&
        ceil_div(pass.rows, kRowBlock) >= member.size()) {
      forward_layer_rows(pass, use, draws_of(pass, share_rows(member, pass.rows)), member);
      member.barrier();
    } else {
      if (use.input == network.z) member.barrier();
      forward_layer(pass, use, member);
    }
  }
}

void decode_outputs(const Pass& pass, Member& member) {
  for (size_t i = pass.network.outputs.begin; i < pass.network.outputs.end; ++i)
    forward_layer(pass, pass.network.layers[i], member);
}

namespace {

// r of one panel of a block's columns, if wanted, and its gradient in place of the outputs.
void panel_likelihood(const Pass& pass, const OutputBlock& block, size_t panel, Range rows,
                      bool with_r) {
  Workspace& ws = pass.ws;
  const size_t column = panel * kPanel;
  PanelLikelihood t = {.first_row = rows.begin,
                       .rows = rows.size(),
                       .n_cols = panel_width(block.columns.size(), panel),
                       .n_draws = ws.n_draws,
                       .x = pass.x().data + block.columns.begin + column,
                       .ldx = pass.x().stride,
                       .outputs = {},
                       .ld = 0,
                       .scale = 1.0f / pass.n_averaged(),
                       .partial = with_r ? ws.partial.data() + block.first_panel + panel : nullptr,
                       .partial_stride = pass.network.n_panels,
                       .holes = ws.holes};
  for (size_t i = 0; i < block.layers.size(); ++i) {
    const MatView output = pass.activation(pass.network.layers[block.layers.begin + i].output);
    t.outputs[i] = output.data + column;
    t.ld = output.stride;
  }
  pass.k.likelihoods[block.likelihood].evaluate(t);
}

// The same of some rows of a block with groups.
void group_likelihood(const Pass& pass, const OutputBlock& block, Range rows, bool with_r) {
  LevelRows t = level_rows(pass, block, rows);
  t.x = pass.x().row(0) + block.columns.begin;
  t.scale = 1.0f / pass.n_averaged();
  if (with_r) {
    t.partial = pass.ws.partial.data() + rows.begin * pass.network.n_panels + block.first_panel;
    t.partial_stride = pass.network.n_panels;
  }
  pass.k.likelihoods[block.likelihood].evaluate_levels(t);
}

// A group may be in several panels, so this waits for all outputs.
void group_likelihoods(const Pass& pass, const Member& member, bool with_r) {
  const Range draws = draws_of(pass, share_rows(member, pass.rows));
  for_own_rows(pass, member, draws, [&](Range some) {
    for (const OutputBlock& block : pass.network.blocks) {
      if (!block.groups.empty()) group_likelihood(pass, block, some, with_r);
    }
  });
}

}  // namespace

LevelRows level_rows(const Pass& pass, const OutputBlock& block, Range rows) {
  LevelRows t = {};
  t.rows = rows.size();
  t.first_row = rows.begin;
  t.n_draws = pass.ws.n_draws;
  t.n_variables = block.groups.size();
  t.levels = block.groups.data();
  t.ldx = pass.x().stride;
  for (size_t i = 0; i < block.layers.size(); ++i) {
    const MatView output = pass.activation(pass.network.layers[block.layers.begin + i].output);
    t.outputs[i] = output.row(rows.begin);
    t.ld[i] = output.stride;
  }
  return t;
}

void decode_likelihood(const Pass& pass, Member& member, bool with_r) {
  const Network& network = pass.network;
  const std::vector<OutputBlock>& blocks = network.blocks;
  const size_t hidden = network.layers[network.outputs.begin].input;
  const MatView h = pass.activation(hidden);
  const bool goes_back = pass.ws.gradients() && pass.ws.transposed == nullptr;
  const size_t first_back =
      row_panels(network.activations[hidden].width, pass.drawn()).first_panel(member);
  PrefetchCursor prefetch[kMostOutputs];
  const auto panels = [&](size_t i) { return row_panels(blocks[i].columns.size(), pass.drawn()); };
  stealing_for(member, blocks.size(), panels, kForwardGrain, [&](const Task& task) {
    if (!pass.may_continue(member)) return;
    const OutputBlock& block = blocks[task.layer];
    const Range rows = block_range(task.blocks, kRowBlock, pass.drawn());
    for (size_t i = 0; i < block.layers.size(); ++i) {
      const LayerUse& use = network.layers[block.layers.begin + i];
      if (task.panel >= use.layer.n_panels()) continue;  // narrower than the block's columns
      if (task.new_panel) {
        const bool more = task.more && task.panel + 1 < use.layer.n_panels();
        prefetch[i] = more        ? panel_weights(use.layer, pass.weights, task.panel + 1)
                      : goes_back ? input_weights(use.layer, pass.weights, first_back)
                                  : PrefetchCursor();
      }
      dense_forward(pass.k, use.layer, pass.weights, h, pass.activation(use.output),
                    Activation::identity, task.panel, rows, nullptr, &prefetch[i]);
    }
    if (block.groups.empty()) panel_likelihood(pass, block, task.panel, rows, with_r);
  });
  member.barrier();
  if (!network.has_groups) return;
  group_likelihoods(pass, member, with_r);
  member.barrier();
}

void output_likelihood(const Pass& pass, Member& member) {
  const std::vector<OutputBlock>& blocks = pass.network.blocks;
  const auto panels = [&](size_t i) { return row_panels(blocks[i].columns.size(), pass.drawn()); };
  stealing_for(member, blocks.size(), panels, {1, panels(0).n_blocks}, [&](const Task& task) {
    if (!blocks[task.layer].groups.empty()) return;
    panel_likelihood(pass, blocks[task.layer], task.panel,
                     block_range(task.blocks, kRowBlock, pass.drawn()), true);
  });
  group_likelihoods(pass, member, true);
  member.barrier();
}

double log_likelihood(const Pass& pass, size_t drawn_row, double start) {
  const size_t n = pass.network.n_panels;
  double r = start;
  for (size_t panel = 0; panel < n; ++panel) r += pass.ws.partial[drawn_row * n + panel];
  return r;
}

}  // namespace aevb
