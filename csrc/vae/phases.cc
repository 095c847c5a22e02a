#include "vae/phases.h"

namespace aevb {
namespace {

constexpr Grain kForwardGrain = {1, kForwardBlocks};
// Whoever takes from a panel transposes its weights first, in the time of two blocks.
constexpr Grain kTransposingGrain = {1, kForwardBlocks, 5};

// The columns of a layer of n_cols units in blocks of n rows.
Panels row_panels(size_t n_cols, size_t n) { return {n_cols, ceil_div(n, kRowBlock)}; }

// out = act(in W + b) for the first n rows, shared by panels. `then` is what this thread reads in a
// phase that follows: the first panel of each phase would else come from beyond L2.
void forward(const Pass& pass, const Dense& layer, MatView in, MatView out, Activation activation,
             size_t n, Member& member, const Nonzeros* nonzeros = nullptr, const Ahead& then = {}) {
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

// The same for a range of rows, all panels: for the layers about z, where threads share rows.
void forward_rows(const Pass& pass, const Dense& layer, MatView in, MatView out,
                  Activation activation, Range rows, const Member& member) {
  for_own_rows(pass, member, rows, [&](Range some) {
    for (size_t panel = 0; panel < layer.n_panels(); ++panel)
      dense_forward(pass.k, layer, pass.model.weights(), in, out, activation, panel, some);
  });
}

struct Upstream {  // a layer and the gradient of its pre-activations
  const Dense& layer;
  MatView delta;
};

// din = (sum over upstream layers of delta W^T) * act'(h) for the first n rows.
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

// The draws of a range of rows.
Range draws_of(const Pass& pass, Range rows) {
  return {rows.begin * pass.ws.n_draws, rows.end * pass.ws.n_draws};
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

NoiseRows pass_noise(const Pass& pass, Purpose purpose, Range rows, size_t n_draws, MatView out) {
  return noise_rows(pass.seed, stream(purpose, pass.noise_step), pass.ws.ids.data() + rows.begin,
                    rows.size(), n_draws, {out.row(rows.begin * n_draws), 0, out.cols, out.stride});
}

void binarize(const Pass& pass, NoiseBy noise, Range rows) {
  const MatView x = pass.x();
  switch (pass.model.config().binarize) {
    case Binarize::none:
      return;
    case Binarize::threshold:
      for (size_t r = rows.begin; r < rows.end; ++r) {
        for (size_t c = 0; c < x.cols; ++c) x.row(r)[c] = x.row(r)[c] > 0.5f ? 1.0f : 0.0f;
      }
      return;
    case Binarize::dynamic:
      if (noise != NoiseBy::nothing)
        pass.k.bernoulli_draw(pass_noise(pass, Purpose::binarize, rows, 1, x));
      return;
  }
}

}  // namespace

RowGather begin_gather(const Pass& pass, const Rows& source, const Member& member) {
  const Range rows = share_rows(member, pass.rows);
  if (rows.empty()) return {};
  const MatView x = pass.x();
  return {source, pass.ws.index.data() + rows.begin, rows.size(), x.row(rows.begin), x.stride};
}

void end_gather(const Pass& pass, const Rows& source, RowGather& copying, NoiseBy noise,
                const Member& member) {
  Workspace& ws = pass.ws;
  const Range rows = share_rows(member, pass.rows);
  const MatView x = pass.x();
  for_own_rows(pass, member, rows, [&](Range some) {
    copying.until(some.end - rows.begin);
    if (source.guarded &&
        !pass.k.within(some.size(), x.cols, x.row(some.begin), x.stride, source.low, source.high)) {
      ws.out_of_range.store(true, std::memory_order_relaxed);  // the barrier orders it
    }
    if (noise == NoiseBy::content) {
      for (size_t r = some.begin; r < some.end; ++r) ws.ids[r] = content_id(x.row(r), x.cols);
    }
    binarize(pass, noise, some);
    ws.nonzeros.find_columns(pass.k, x, some);
  });
  if (noise != NoiseBy::nothing) draw_noise(pass, member);
}

void draw_noise(const Pass& pass, const Member& member) {
  for_own_rows(pass, member, share_rows(member, pass.rows), [&](Range some) {
    pass.k.normal(pass_noise(pass, Purpose::latent, some, pass.ws.n_draws, pass.ws.eps.view()));
  });
}

bool gather(const Pass& pass, const Rows& source, NoiseBy noise, Member& member) {
  RowGather copying = begin_gather(pass, source, member);
  end_gather(pass, source, copying, noise, member);
  member.barrier();
  return !pass.ws.out_of_range.load(std::memory_order_relaxed);
}

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
    forward(pass, net.encoder[i], in, h, pass.model.config().activation, pass.rows, member,
            i == 0 ? &pass.ws.nonzeros : nullptr,
            pass.ws.gradients() ? panel_weights(next, pass.model.weights(), first_panel) : Ahead());
    in = h;
  }
}

namespace {

// mean and log_var of this thread's rows
Range forward_heads(const Pass& pass, const Member& member) {
  const Range rows = share_rows(member, pass.rows);
  forward_rows(pass, pass.model.network().heads, pass.ws.encoder.back().view(),
               pass.ws.heads.view(), Activation::identity, rows, member);
  return rows;
}

// The rows that the first layer's update needs, shared by blocks of inputs.
void list_rows(const Pass& pass, const Member& member) {
  Workspace& ws = pass.ws;
  const bool full = ws.nonzeros.full(pass.rows);
  if (!full) {
    constexpr size_t kTogether = 10;
    const Range mine = member.share(ceil_div(pass.x().cols, kInputBlock));
    for (size_t block = mine.begin; block < mine.end && pass.goes_on(member); block += kTogether)
      ws.nonzeros.find_rows(pass.k, pass.x(), {block, std::min(block + kTogether, mine.end)});
  }
  if (member.rank() == 0) ws.rows_listed = !full;
}

}  // namespace

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
      forward_rows(pass, layer, in, h, activation, draws, member);
      member.barrier();
    } else {
      if (i == 0) member.barrier();
      forward(pass, layer, in, h, activation, pass.drawn(), member);
    }
    in = h;
  }
}

void decode_outputs(const Pass& pass, Member& member) {
  for (size_t i = 0; i < pass.ws.outputs.size(); ++i) {
    forward(pass, pass.model.network().outputs[i], pass.ws.decoder.back().view(),
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
          .partial_stride = ws.n_parts});
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
  Ahead ahead[2];
  deal(member, output_panels(pass), kForwardGrain, [&](const Piece& piece) {
    if (!pass.goes_on(member)) return;
    const Range rows = block_range(piece.blocks, kRowBlock, pass.drawn());
    for (size_t i = 0; i < ws.outputs.size(); ++i) {
      if (piece.new_panel) {
        const bool goes_back = ws.gradients() && ws.transposed(net.outputs[i], 0) == nullptr;
        ahead[i] = piece.more  ? panel_weights(net.outputs[i], weights, piece.panel + 1)
                   : goes_back ? input_weights(net.outputs[i], weights, first_back)
                               : Ahead();
      }
      dense_forward(pass.k, net.outputs[i], weights, ws.decoder.back().view(), ws.outputs[i].view(),
                    Activation::identity, piece.panel, rows, nullptr, &ahead[i]);
    }
    panel_likelihood(pass, piece.panel, rows, with_r);
  });
  member.barrier();
}

void output_likelihood(const Pass& pass, Member& member) {
  const Panels panels = output_panels(pass);
  deal(member, panels, {1, panels.n_blocks}, [&](const Piece& piece) {
    panel_likelihood(pass, piece.panel, block_range(piece.blocks, kRowBlock, pass.drawn()), true);
  });
  member.barrier();
}

void sum_bound(const Pass& pass, const Member& member) {
  Workspace& ws = pass.ws;
  const Range rows = share_rows(member, pass.rows);
  const bool analytic = pass.model.config().estimator == Estimator::analytic_kl;
  const auto draws = static_cast<double>(ws.n_draws);
  for (size_t m = rows.begin; m < rows.end; ++m) {
    double sum = 0.0, mean = 0.0, squares = 0.0;  // Welford's, of what varies from draw to draw
    for (size_t l = m * ws.n_draws; l < (m + 1) * ws.n_draws; ++l) {
      double r = 0.0;
      for (size_t part = 0; part < ws.n_parts; ++part) r += ws.partial[l * ws.n_parts + part];
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
  if (pass.model.config().estimator != Estimator::score_function) backward_to_z(pass, member);

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
            RowGather& meanwhile, Part part) {
  const Network& net = pass.model.network();
  const size_t n_encoder = n_encoder_layers(net);
  const size_t end =
      part == Part::encoder ? n_encoder : n_encoder + net.decoder.size() + net.outputs.size();
  const size_t begin = part == Part::decoder ? n_encoder : 0;
  const auto gradient = [&](size_t i) { return layer_gradient(pass, begin + i); };
  const auto panels = [&](size_t i) -> Panels {
    const Dense& layer = gradient(i).layer;
    return {layer.n_out, ceil_div(layer.n_in, kInputBlock)};
  };
  deal(member, end - begin, panels, {1, kUpdateBlocks}, [&](const Piece& piece) {
    if (!pass.goes_on(member)) return;
    const Gradient g = gradient(piece.layer);
    Ahead ahead = meanwhile.next();
    dense_update(pass.k, g.layer, arena, rule, g.in, g.delta, piece.panel,
                 block_range(piece.blocks, kInputBlock, g.layer.n_in), g.nonzeros, &ahead);
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
