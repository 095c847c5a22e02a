#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/pass.h"

namespace aevb {
namespace {

NoiseRows pass_noise(const Pass& pass, Purpose purpose, Range rows, size_t n_draws, MatView out) {
  return noise_rows(pass.noise.seed, stream(purpose, pass.noise.step),
                    pass.ws.ids.data() + rows.begin, rows.size(), n_draws,
                    {out.row(rows.begin * n_draws), 0, out.cols, out.stride});
}

// Calls f(value) for each value of some rows of x. f must keep NaN, a missing value.
template <class F>
void for_values(const MatView x, Range rows, F f) {
  for (size_t r = rows.begin; r < rows.end; ++r) {
    for (size_t c = 0; c < x.cols; ++c) f(x.row(r)[c]);
  }
}

void binarize(const Pass& pass, NoiseBy noise, Range rows) {
  const MatView x = pass.x();
  switch (pass.model.config().binarize) {
    case Binarize::none:
      return;
    case Binarize::threshold:
      return for_values(x, rows, [](float& value) {
        value = value > 0.5f ? 1.0f : value <= 0.5f ? 0.0f : value;
      });
    case Binarize::dynamic:
      if (noise != NoiseBy::nothing)
        pass.k.bernoulli_draw(pass_noise(pass, Purpose::binarize, rows, 1, x));
      return;
  }
}

// Clips values that are out of range by rounding. False if another value is out of range.
bool put_in_range(const Pass& pass, const Rows& source, Range rows) {
  const MatView x = pass.x();
  const auto within = [&](float slack) {
    return pass.k.within(rows.size(), x.cols, x.row(rows.begin), x.stride, source.low - slack,
                         source.high + slack);
  };
  if (!pass.ws.holes) {
    if (within(0.0f)) return true;
    if (source.slack == 0.0f || !within(source.slack)) return false;
  }
  for_values(x, rows, [&](float& value) { value = std::clamp(value, source.low, source.high); });
  return true;
}

// Gives all missing values the same bits, so that a row's content has one id, and finds the
// Jacobian of what is observed.
void find_holes(const Pass& pass, Range rows) {
  const MatView x = pass.x();
  const Units& units = pass.model.units();
  const std::vector<double>& of_column = units.log_jacobians();
  for (size_t r = rows.begin; r < rows.end; ++r) {
    for (size_t c = 0; c < x.cols; ++c) {
      if (std::isnan(x.row(r)[c])) x.row(r)[c] = std::numeric_limits<float>::quiet_NaN();
    }
    if (of_column.empty()) continue;
    double log_jacobian = 0.0;
    for (size_t c = 0; c < of_column.size(); ++c) {
      if (!std::isnan(x.row(r)[units.place(c)])) log_jacobian += of_column[c];
    }
    pass.ws.log_jacobian[r] = log_jacobian;
  }
}

// Which variables are missing, as 0 or 1.
void read_masks(const Pass& pass, Range rows) {
  const MatView x = pass.x(), inputs = pass.inputs();
  for (size_t r = rows.begin; r < rows.end; ++r) {
    float* mask = inputs.row(r) + x.cols;
    for (const OutputBlock& block : pass.network.blocks) {
      const float* own = x.row(r) + block.columns.begin;
      const bool has_levels = pass.k.likelihoods[block.likelihood].info.has_levels();
      const size_t n = has_levels ? block.groups.size() : block.columns.size();
      for (size_t i = 0; i < n; own += has_levels ? block.groups[i] : 1, ++i)
        *mask++ = std::isnan(*own) ? 1.0f : 0.0f;
    }
  }
}

}  // namespace

void read_inputs(const Pass& pass, Range rows) {
  const MatView x = pass.x(), inputs = pass.inputs();
  if (pass.has_inputs()) {
    for (const OutputBlock& block : pass.network.blocks) {
      pass.k.read_inputs({.rows = rows.size(),
                          .n_cols = block.columns.size(),
                          .input = pass.k.likelihoods[block.likelihood].info.input(),
                          .x = x.row(rows.begin) + block.columns.begin,
                          .ldx = x.stride,
                          .out = inputs.row(rows.begin) + block.columns.begin,
                          .ld = inputs.stride});
    }
    if (pass.model.config().mask_inputs) read_masks(pass, rows);
  }
  pass.ws.nonzeros.find_columns(pass.k, inputs, rows);
}

RowGather begin_gather(const Pass& pass, const Table& table, const Member& member) {
  const Range rows = share_rows(member, pass.rows);
  if (rows.empty()) return {};
  const MatView x = pass.x();
  return {table.x,     pass.model.units(), pass.ws.index.data() + rows.begin,
          rows.size(), x.row(rows.begin),  x.stride};
}

void end_gather(const Pass& pass, const Table& table, RowGather& copying, NoiseBy noise,
                const Member& member) {
  Workspace& ws = pass.ws;
  const Range rows = share_rows(member, pass.rows);
  const MatView x = pass.x();
  for_own_rows(pass, member, rows, [&](Range some) {
    copying.until(some.end - rows.begin);
    if (ws.holes) find_holes(pass, some);
    if (table.x.guarded && !put_in_range(pass, table.x, some))
      ws.out_of_range.store(true, std::memory_order_relaxed);  // relaxed: the barrier orders it
    if (noise == NoiseBy::content) {
      for (size_t r = some.begin; r < some.end; ++r) ws.ids[r] = content_id(x.row(r), x.cols);
    }
    binarize(pass, noise, some);
    read_inputs(pass, some);
  });
  if (noise != NoiseBy::nothing) draw_noise(pass, member);
}

void draw_noise(const Pass& pass, const Member& member) {
  for_own_rows(pass, member, share_rows(member, pass.rows), [&](Range some) {
    latent_noise(pass,
                 pass_noise(pass, Purpose::latent, some, pass.ws.n_draws, pass.ws.eps.view()));
  });
}

void draw_normal_noise(const Pass& pass, const Member& member) {
  MatView eps = pass.ws.eps.view();
  eps.cols = pass.model.config().n_latent;
  for_own_rows(pass, member, share_rows(member, pass.rows), [&](Range some) {
    pass.k.normal(pass_noise(pass, Purpose::latent, some, pass.ws.n_draws, eps));
  });
}

bool gather(const Pass& pass, const Table& table, NoiseBy noise, Member& member) {
  RowGather copying = begin_gather(pass, table, member);
  end_gather(pass, table, copying, noise, member);
  member.barrier();
  return !pass.ws.out_of_range.load(std::memory_order_relaxed);
}

}  // namespace aevb
