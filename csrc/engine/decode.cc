#include "engine/layers.h"

namespace aevb {

void decode_hidden(const Pass& pass, Member& member) {
  const Activation activation = pass.model.config().activation;
  MatView in = pass.ws.z.view();
  for (size_t i = 0; i < pass.ws.decoder.size(); ++i) {
    const Dense& layer = pass.model.network().decoder[i];
    const MatView h = pass.ws.decoder[i].view();
    // Where every thread has rows, it goes on with the z of its own; the panels of a narrow z are
    // so little work that the barrier for the others' would cost more.
    if (i == 0 && layer.n_in <= kPanel && ceil_div(pass.rows, kRowBlock) >= member.size()) {
      const Range draws = draws_of(pass, share_rows(member, pass.rows));
      forward_layer_rows(pass, layer, in, h, activation, draws, member);
      member.barrier();
    } else {
      if (i == 0) member.barrier();
      forward_layer(pass, layer, in, h, activation, pass.drawn(), member);
    }
    in = h;
  }
}

void decode_outputs(const Pass& pass, Member& member) {
  for (size_t i = 0; i < pass.ws.outputs.size(); ++i) {
    forward_layer(pass, pass.model.network().outputs[i], pass.ws.decoder.back().view(),
                  pass.ws.outputs[i].view(), Activation::identity, pass.drawn(), member);
  }
}

namespace {

// r of one panel of outputs, if wanted, and its gradient in their place.
void panel_likelihood(const Pass& pass, size_t panel, Range rows, bool with_r) {
  Workspace& ws = pass.ws;
  const Likelihood likelihood = pass.model.config().likelihood;
  const auto kernel = likelihood == Likelihood::bernoulli  ? pass.k.bernoulli
                      : likelihood == Likelihood::gaussian ? pass.k.gaussian
                                                           : pass.k.bounded_gaussian;
  const size_t column = panel * kPanel;
  kernel({.first_row = rows.begin,
          .rows = rows.size(),
          .n_cols = panel_width(pass.model.config().n_visible, panel),
          .n_draws = ws.n_draws,
          .x = pass.x().data + column,
          .ldx = pass.x().stride,
          .mean = ws.outputs.front().view().data + column,
          .log_var = ws.outputs.back().view().data + column,
          .ld = ws.outputs.front().view().stride,
          .scale = 1.0f / static_cast<float>(ws.n_draws),
          .partial = with_r ? ws.partial.data() + panel : nullptr,
          .partial_stride = ws.n_partials});
}

Panels output_panels(const Pass& pass) {
  return row_panels(pass.model.config().n_visible, pass.drawn());
}

}  // namespace

void decode_likelihood(const Pass& pass, Member& member, bool with_r) {
  Workspace& ws = pass.ws;
  const Network& net = pass.model.network();
  const float* weights = pass.model.weights();
  const size_t first_back = row_panels(net.outputs.front().n_in, pass.drawn()).first_panel(member);
  PrefetchCursor prefetch[2];
  stealing_for(member, output_panels(pass), kForwardGrain, [&](const Task& task) {
    if (!pass.may_continue(member)) return;
    const Range rows = block_range(task.blocks, kRowBlock, pass.drawn());
    for (size_t i = 0; i < ws.outputs.size(); ++i) {
      if (task.new_panel) {
        const bool goes_back = ws.gradients() && ws.transposed(net.outputs[i], 0) == nullptr;
        prefetch[i] = task.more   ? panel_weights(net.outputs[i], weights, task.panel + 1)
                      : goes_back ? input_weights(net.outputs[i], weights, first_back)
                                  : PrefetchCursor();
      }
      dense_forward(pass.k, net.outputs[i], weights, ws.decoder.back().view(), ws.outputs[i].view(),
                    Activation::identity, task.panel, rows, nullptr, &prefetch[i]);
    }
    panel_likelihood(pass, task.panel, rows, with_r);
  });
  member.barrier();
}

void output_likelihood(const Pass& pass, Member& member) {
  const Panels panels = output_panels(pass);
  stealing_for(member, panels, {1, panels.n_blocks}, [&](const Task& task) {
    panel_likelihood(pass, task.panel, block_range(task.blocks, kRowBlock, pass.drawn()), true);
  });
  member.barrier();
}

void sum_bound(const Pass& pass, const Member& member) {
  Workspace& ws = pass.ws;
  const Range rows = share_rows(member, pass.rows);
  const bool analytic = pass.model.config().objective == Objective::analytic_kl;
  const auto draws = static_cast<double>(ws.n_draws);
  for (size_t m = rows.begin; m < rows.end; ++m) {
    double sum = 0.0, mean = 0.0, squares = 0.0;  // Welford's, of what varies from draw to draw
    for (size_t l = m * ws.n_draws; l < (m + 1) * ws.n_draws; ++l) {
      double r = 0.0;
      for (size_t part = 0; part < ws.n_partials; ++part) r += ws.partial[l * ws.n_partials + part];
      ws.f[l] = static_cast<float>(r + ws.draw_term[l]);
      sum += r;
      const double value = analytic ? r : r + ws.draw_term[l];
      const double delta = value - mean;
      mean += delta / static_cast<double>(l - m * ws.n_draws + 1);
      squares += delta * (value - mean);
    }
    ws.bound[m] = sum / draws + ws.term[m];
    ws.variance[m] = squares / (draws - 1.0) / draws;
  }
}

}  // namespace aevb
