#include "nn/dense.h"

namespace aevb {
namespace {

// Calls f(at, first, bytes) for each contiguous run of one row of a named weight in an arena array:
// its index there, its first output, its length. Row n_in is the bias.
template <class F>
void for_runs(const NamedWeights& named, size_t row, F f) {
  const Dense& layer = named.layer;
  size_t n = 0;
  for (size_t o = named.outputs.begin; o < named.outputs.end; o += n) {
    n = std::min(kPanel - o % kPanel, named.outputs.end - o);
    const size_t panel = o / kPanel;
    const size_t begin =
        row < layer.n_in ? layer.panel_offset(panel) + row * kPanel : layer.bias_offset(panel);
    f(begin + o % kPanel, o - named.outputs.begin, n * sizeof(float));
  }
}

void unpack_row(const NamedWeights& named, size_t row, const float* arena, float* values) {
  for_runs(named, row, [&](size_t at, size_t first, size_t bytes) {
    std::memcpy(values + first, arena + at, bytes);
  });
}

}  // namespace

void pack_row(const NamedWeights& named, size_t row, const float* values, float* arena) {
  for_runs(named, row, [&](size_t at, size_t first, size_t bytes) {
    std::memcpy(arena + at, values + first, bytes);
  });
}

void unpack(const NamedWeights& named, const float* arena, float* weight, float* bias) {
  const size_t n_in = named.layer.n_in, n = named.outputs.size();
  for (size_t row = 0; row < n_in; ++row) unpack_row(named, row, arena, weight + row * n);
  unpack_row(named, n_in, arena, bias);
}

void pack(const NamedWeights& named, const float* weight, const float* bias, float* arena) {
  const size_t n_in = named.layer.n_in, n = named.outputs.size();
  for (size_t row = 0; row < n_in; ++row) pack_row(named, row, weight + row * n, arena);
  pack_row(named, n_in, bias, arena);
}

void dense_forward(const Kernels& k, const Dense& layer, const float* weights, ConstMatView in,
                   MatView out, Activation activation, size_t panel, Range rows,
                   const Nonzeros* nonzeros, PrefetchCursor* prefetch) {
  const size_t width = panel_width(layer.n_out, panel);
  const float* w = weights + layer.panel_offset(panel);
  const float* bias = weights + layer.bias_offset(panel);
  constexpr size_t kTile = kForwardBlocks * kRowBlock;
  for (size_t r = rows.begin, n = 0; r < rows.end; r += n) {
    n = std::min(kTile, rows.end - r);
    float* c = out.row(r) + panel * kPanel;
    const auto skips = [&](size_t row) {
      return nonzeros != nullptr && nonzeros->skips(row / kSkipBlock);
    };
    if (skips(r)) {
      n = std::min(kSkipBlock, n);
      k.product({.rows = n,
                 .k = nonzeros->n_columns(r / kSkipBlock),
                 .n_cols = width,
                 .a = in.row(r),
                 .lda = in.stride,
                 .b = w,
                 .c = c,
                 .ldc = out.stride,
                 .bias = bias,
                 .accumulate = false,
                 .cold = r == rows.begin,
                 .columns = nonzeros->columns(r / kSkipBlock),
                 .prefetch = prefetch});
      k.activate(activation, n, width, c, out.stride);
      continue;
    }
    for (size_t next = kSkipBlock; next < n; next += kSkipBlock) {
      if (skips(r + next)) n = next;
    }
    size_t depth = 0;
    do {  // once for a layer without inputs, too: then the outputs are the bias
      k.product({.rows = n,
                 .k = std::min(kDepthBlock, layer.n_in - depth),
                 .n_cols = width,
                 .a = in.row(r) + depth,
                 .lda = in.stride,
                 .b = w + depth * kPanel,
                 .c = c,
                 .ldc = out.stride,
                 .bias = bias,
                 .accumulate = depth > 0,
                 .cold = r == rows.begin,
                 .prefetch = prefetch});
      depth += kDepthBlock;
    } while (depth < layer.n_in);
    k.activate(activation, n, width, c, out.stride);
  }
}

void dense_transpose(const Kernels& k, const Dense& layer, const float* weights, size_t panel,
                     float* out) {
  const size_t width = panel_width(layer.n_in, panel);
  for (size_t of = 0; of < layer.n_panels(); ++of) {
    const float* w = weights + layer.panel_offset(of) + panel * kPanel * kPanel;
    k.transpose(width, panel_width(layer.n_out, of), w, out + of * kPanel * kPanel);
  }
}

void Transposed::make(const Kernels& k, const float* weights) {
  for (size_t panel = 0; panel * kPanel < layer_->n_in; ++panel) {
    dense_transpose(k, *layer_, weights, panel, data_.data() + panel * panel_size());
  }
}

void dense_backward(const Kernels& k, const Dense& layer, const float* weights,
                    const float* transposed, ConstMatView delta, MatView din, bool accumulate,
                    size_t panel, Range rows, PrefetchCursor* prefetch) {
  for (size_t depth = 0; depth < layer.n_out; depth += kDepthBlock) {
    const size_t n_depth = std::min(kDepthBlock, layer.n_out - depth);
    const size_t width = panel_width(layer.n_in, panel);
    const float* a = delta.row(rows.begin) + depth;
    float* c = din.row(rows.begin) + panel * kPanel;
    const bool more = accumulate || depth > 0;
    if (transposed != nullptr) {
      k.product({.rows = rows.size(),
                 .k = n_depth,
                 .n_cols = width,
                 .a = a,
                 .lda = delta.stride,
                 .b = transposed + depth * kPanel,
                 .c = c,
                 .ldc = din.stride,
                 .bias = nullptr,
                 .accumulate = more,
                 .prefetch = prefetch});
    } else {
      k.product_transposed(
          {.rows = rows.size(),
           .k = n_depth,
           .n_cols = width,
           .a = a,
           .lda = delta.stride,
           .b = weights + layer.panel_offset(depth / kPanel) + panel * kPanel * kPanel,
           .panel_stride = layer.panel_offset(1) - layer.panel_offset(0),
           .c = c,
           .ldc = din.stride,
           .accumulate = more,
           .prefetch = prefetch});
    }
  }
}

namespace {

// Sums the gradient over blocks of rows and then takes the step, for as many inputs at a time as
// have their sums in L1. step(sums, at) takes it for the weights at index `at` of the panel.
template <class Step>
void update_by_blocks(const Kernels& k, const PanelUpdate& update, const Nonzeros* nonzeros,
                      Step step) {
  constexpr size_t kInputsTogether = kUpdateBlocks * kInputBlock;
  const UpdateRule add_up;
  const size_t per_sum = rows_per_sum(update.rows);
  for (size_t begin = update.inputs.begin; begin < update.inputs.end; begin += kInputsTogether) {
    const Range inputs = {begin, std::min(begin + kInputsTogether, update.inputs.end)};
    alignas(kCacheLine) float sums[kInputsTogether * kPanel] = {};
    PanelUpdate sum = update;
    sum.inputs = {0, inputs.size()};
    sum.weight = sum.state2 = nullptr;
    sum.state1 = sums;
    sum.rule = &add_up;
    for (size_t first = 0; first < update.rows; first += per_sum) {
      sum.rows = std::min(per_sum, update.rows - first);
      sum.a = update.a + first * update.lda + begin;
      sum.delta = update.delta + first * update.ldd;
      if (nonzeros != nullptr) {
        sum.group_rows = nonzeros->group_rows(first, sum.rows, begin);
        sum.n_group_rows = nonzeros->n_group_rows(first / per_sum, begin);
      }
      k.update(sum);
    }
    for (size_t i = inputs.begin; i < inputs.end; ++i)
      step(sums + (i - begin) * kPanel, i * kPanel);
  }
}

// The arenas from an index on, for a step of the weights' posterior.
WeightPosteriorUpdate weight_posterior_update(const Arena& arena, const DrawnWeights& drawn,
                                              const UpdateRule& rule, size_t n_cols, size_t at) {
  const auto from = [at](auto* base) { return base != nullptr ? base + at : nullptr; };
  return {.n_cols = n_cols,
          .rule = &rule,
          .sum = nullptr,
          .drawn = from(drawn.weights),
          .mean = from(arena.weights),
          .state1 = from(arena.state1),
          .state2 = from(arena.state2),
          .log_sd = from(arena.log_sd),
          .log_sd_state1 = from(arena.log_sd_state1),
          .log_sd_state2 = from(arena.log_sd_state2),
          .precision = drawn.precision,
          .prior_mean = from(arena.prior_mean),
          .prior_log_sd = from(arena.prior_log_sd)};
}

// The step of the posterior's parameters, for the inputs of `update` and, with input 0, the bias.
void update_weight_posterior(const Kernels& k, const Dense& layer, const Arena& arena,
                             const DrawnWeights& drawn, PanelUpdate update, size_t panel,
                             const Nonzeros* nonzeros) {
  const UpdateRule& rule = *update.rule;
  const auto step = [&](const float* sums, size_t at) {
    WeightPosteriorUpdate posterior =
        weight_posterior_update(arena, drawn, rule, update.n_cols, at);
    posterior.sum = sums;
    k.update_weight_posterior(posterior);
  };
  const size_t first = layer.panel_offset(panel);
  update_by_blocks(k, update, nonzeros,
                   [&](const float* sums, size_t at) { step(sums, first + at); });
  if (update.inputs.begin > 0) return;
  alignas(kCacheLine) float sums[kPanel] = {};
  const UpdateRule add_up;
  update.rule = &add_up;
  update.weight = update.state2 = nullptr;
  update.state1 = sums;
  k.update_bias(update);
  step(sums, layer.bias_offset(panel));
}

}  // namespace

void dense_update(const Kernels& k, const Dense& layer, const Arena& arena, const UpdateRule& rule,
                  ConstMatView in, ConstMatView delta, size_t panel, Range inputs,
                  const Nonzeros* nonzeros, PrefetchCursor* prefetch, const DrawnWeights& drawn) {
  const auto at = [](float* base, size_t offset) {
    return base != nullptr ? base + offset : nullptr;
  };
  PanelUpdate update = {.rows = delta.rows,
                        .n_cols = panel_width(layer.n_out, panel),
                        .inputs = inputs,
                        .a = in.data,
                        .lda = in.stride,
                        .delta = delta.data + panel * kPanel,
                        .ldd = delta.stride,
                        .weight = at(arena.weights, layer.panel_offset(panel)),
                        .state1 = at(arena.state1, layer.panel_offset(panel)),
                        .state2 = at(arena.state2, layer.panel_offset(panel)),
                        .rule = &rule,
                        .prefetch = prefetch};
  if (drawn.weights != nullptr)
    return update_weight_posterior(k, layer, arena, drawn, update, panel, nonzeros);
  if (rows_per_sum(delta.rows) < delta.rows) {
    update_by_blocks(k, update, nonzeros, [&](const float* sums, size_t first) {
      k.optimize(rule, sums, {first, first + update.n_cols}, update.weight, update.state1,
                 update.state2);
    });
  } else {
    if (nonzeros != nullptr) {
      update.group_rows = nonzeros->group_rows(0, delta.rows, 0);
      update.n_group_rows = nonzeros->n_group_rows(0, 0);
    }
    k.update(update);
  }
  if (inputs.begin > 0) return;
  UpdateRule bias_rule = rule;
  bias_rule.decay = 0.0f;  // the prior is on weights alone
  update.rule = &bias_rule;
  update.weight = at(arena.weights, layer.bias_offset(panel));
  update.state1 = at(arena.state1, layer.bias_offset(panel));
  update.state2 = at(arena.state2, layer.bias_offset(panel));
  k.update_bias(update);
}

}  // namespace aevb
