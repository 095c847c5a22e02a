#include "inference/inference.h"

#include "engine/layers.h"
#include "inference/blocks.h"
#include "inference/generate.h"

namespace aevb {
namespace {

void copy_rows(ConstMatView from, Range rows, float* to) {
  for (size_t r = rows.begin; r < rows.end; ++r)
    std::memcpy(to + r * from.cols, from.row(r), from.cols * sizeof(float));
}

// KL(q(z|x) || p(z)) of some rows: in closed form where there is one, whatever the objective, and
// otherwise by the pass's draws.
void divergence(const Pass& pass, Range rows, MatView scratch, double* out) {
  const Workspace& ws = pass.ws;
  const bool closed = pass.network.has_closed_kl;
  if (closed && !rows.empty()) pass.posterior.kl(latent_rows(pass, rows), scratch.row(rows.begin));
  for (size_t r = rows.begin; r < rows.end; ++r) {
    out[r] = 0.0;
    for (size_t j = 0; closed && j < scratch.cols; ++j)
      out[r] += static_cast<double>(scratch.row(r)[j]);
    for (size_t l = r * ws.n_draws; !closed && l < (r + 1) * ws.n_draws; ++l)
      out[r] -= static_cast<double>(ws.draw_term[l]) / static_cast<double>(ws.n_draws);
  }
}

// KL(q(z_j|x) || p(z_j)) of some rows and one component, by the pass's draws.
void add_drawn_divergence(const Pass& pass, Range rows, size_t j, MatView out) {
  const Workspace& ws = pass.ws;
  LatentRows one = latent_rows(pass, rows);
  one.n_latent = 1;
  for (size_t i = 0; i < pass.posterior.info.n_outputs; ++i) one.outputs[i] += j;
  one.z += j;
  pass.posterior.log_density(one);
  for (size_t r = rows.begin; r < rows.end; ++r) {
    double sum = 0.0;
    for (size_t l = (r - rows.begin) * ws.n_draws; l < (r - rows.begin + 1) * ws.n_draws; ++l) {
      sum += static_cast<double>(one.draw_term[l]) - pass.prior.log_density(one.z + l * one.ld, 1);
    }
    out.row(r)[j] = static_cast<float>(sum / static_cast<double>(ws.n_draws));
  }
}

}  // namespace

void encode(const Model& model, const Table& table, float* mean, float* deviation, int n_threads,
            Cancellation& cancellation) {
  const size_t block = block_rows(model, 1, table.n_rows());
  const int team = team_size(model, block, 1, n_threads);
  Workspace ws(model, block, 1, false, team, table.x.holes);
  Matrix means(block, model.config().n_latent), deviations(block, model.config().n_latent);
  run_team(team, [&](Member& member) {
    for_row_blocks(table.n_rows(), block, cancellation, member, [&](size_t first, size_t n) {
      const Pass pass(model, ws, n, {0});
      const Range mine = share_rows(member, n);
      for (size_t r = mine.begin; r < mine.end; ++r) ws.index[r] = static_cast<int64_t>(first + r);
      if (!gather(pass, table, NoiseBy::nothing, member)) return false;
      encode_hidden(pass, member);
      encode_heads(pass, member);
      encode_moments(pass, mine, means.view(), deviations.view());
      const size_t start = first * model.config().n_latent;
      copy_rows(means.view(), mine, mean + start);
      if (deviation != nullptr) copy_rows(deviations.view(), mine, deviation + start);
      return true;
    });
  });
  cancellation.rethrow();
  check_range(ws, table);
}

void draw_encoded(const Model& model, const Table& table, uint64_t seed, float* z, int n_threads,
                  Cancellation& cancellation) {
  const size_t block = block_rows(model, 1, table.n_rows());
  const int team = team_size(model, block, 1, n_threads);
  Workspace ws(model, block, 1, false, team, table.x.holes);
  run_team(team, [&](Member& member) {
    for_row_blocks(table.n_rows(), block, cancellation, member, [&](size_t first, size_t n) {
      const Pass pass(model, ws, n, {seed});
      const Range mine = share_rows(member, n);
      for (size_t r = mine.begin; r < mine.end; ++r) ws.index[r] = static_cast<int64_t>(first + r);
      if (!gather(pass, table, NoiseBy::content, member)) return false;
      encode_hidden(pass, member);
      encode_and_sample(pass, member);
      copy_rows(ws.z(), mine, z + first * model.config().n_latent);
      return true;
    });
  });
  cancellation.rethrow();
  check_range(ws, table);
}

void decode(const Model& model, ConstMatView z, float* out, int n_threads,
            Cancellation& cancellation) {
  const size_t block = block_rows(model, 1, z.rows);
  const int team = team_size(model, block, 1, n_threads);
  Workspace ws(model, block, 1, false, team);
  run_team(team, [&](Member& member) {
    for_row_blocks(z.rows, block, cancellation, member, [&](size_t first, size_t n) {
      const Pass pass(model, ws, n, {0});
      const Range mine = share_rows(member, n);
      for (size_t r = mine.begin; r < mine.end; ++r) {
        std::memcpy(ws.z().row(r), z.row(first + r), z.cols * sizeof(float));
      }
      decode_hidden(pass, member);
      decode_outputs(pass, member);
      decoder_means(pass, member);
      const size_t width = model.config().n_visible();
      copy_visible(pass, mine, out + (first + mine.begin) * width, width);
      return true;
    });
  });
  cancellation.rethrow();
}

void sample(const Model& model, uint64_t seed, size_t n_samples, float* x, float* z, int n_threads,
            Cancellation& cancellation) {
  const size_t block = block_rows(model, 1, n_samples);
  const int team = team_size(model, block, 1, n_threads);
  Workspace ws(model, block, 1, false, team);
  run_team(team, [&](Member& member) {
    for_row_blocks(n_samples, block, cancellation, member, [&](size_t first, size_t n) {
      const Pass pass(model, ws, n, {seed});
      const Range mine = share_rows(member, n);
      if (!mine.empty()) {
        for (size_t r = mine.begin; r < mine.end; ++r) ws.ids[r] = first + r;
        const MatView drawn = ws.z();
        pass.prior.draw(noise_rows(seed, stream(Purpose::prior), ws.ids.data() + mine.begin,
                                   mine.size(), 1,
                                   {drawn.row(mine.begin), 0, drawn.cols, drawn.stride}));
        // Copied now: if the next block is shorter, other threads draw into these rows before the
        // next barrier.
        copy_rows(drawn, mine, z + first * model.config().n_latent);
      }
      decode_hidden(pass, member);
      decode_outputs(pass, member);
      decoder_means(pass, member);
      draw_visible(pass, Purpose::visible, member);
      const size_t width = model.config().n_visible();
      copy_visible(pass, mine, x + (first + mine.begin) * width, width);
      return true;
    });
  });
  cancellation.rethrow();
}

void bound(const Model& model, const Table& table, Subset subset, size_t n_draws, uint64_t seed,
           const BoundRows& out, int n_threads, Cancellation& cancellation) {
  const size_t block = block_rows(model, n_draws, subset.size);
  const int team = team_size(model, block, n_draws, n_threads);
  Workspace ws(model, block, n_draws, false, team, table.x.holes);
  Matrix kl(block, model.config().n_latent);
  run_team(team, [&](Member& member) {
    for_row_blocks(subset.size, block, cancellation, member, [&](size_t first, size_t n) {
      const Pass pass(model, ws, n, {seed});
      const Range mine = share_rows(member, n);
      subset_rows(model, table, subset, first + mine.begin, mine.size(),
                  ws.index.data() + mine.begin);
      if (!gather(pass, table, NoiseBy::content, member)) return false;
      encode_hidden(pass, member);
      encode_and_sample(pass, member);
      decode_hidden(pass, member);
      decode_likelihood(pass, member);
      sum_bound(pass, member);
      for (size_t r = mine.begin; r < mine.end; ++r) {
        out.bound[first + r] = ws.bound[r];
        out.variance[first + r] = ws.variance[r];
      }
      divergence(pass, mine, kl.view(), out.kl + first);
      return true;
    });
  });
  cancellation.rethrow();
  check_range(ws, table);
}

void component_divergence(const Model& model, const Table& table, size_t n_draws, uint64_t seed,
                          double* out, int n_threads, Cancellation& cancellation) {
  const size_t block = block_rows(model, n_draws, table.n_rows());
  const int team = team_size(model, block, n_draws, n_threads);
  const size_t n_latent = model.config().n_latent;
  Workspace ws(model, block, n_draws, false, team, table.x.holes);
  Matrix kl(block, n_latent);
  std::fill_n(out, n_latent, 0.0);
  run_team(team, [&](Member& member) {
    for_row_blocks(table.n_rows(), block, cancellation, member, [&](size_t first, size_t n) {
      const Pass pass(model, ws, n, {seed});
      const Range mine = share_rows(member, n);
      for (size_t r = mine.begin; r < mine.end; ++r) ws.index[r] = static_cast<int64_t>(first + r);
      if (!gather(pass, table, NoiseBy::content, member)) return false;
      encode_hidden(pass, member);
      encode_and_sample(pass, member);
      if (!mine.empty() && pass.network.has_closed_kl) {
        pass.posterior.kl(latent_rows(pass, mine), kl.view().row(mine.begin));
      } else if (!mine.empty()) {
        for (size_t j = 0; j < n_latent; ++j) add_drawn_divergence(pass, mine, j, kl.view());
      }
      member.barrier();
      const Range components = member.share(n_latent);
      for (size_t j = components.begin; j < components.end; ++j) {
        for (size_t r = 0; r < n; ++r) out[j] += static_cast<double>(kl.view().row(r)[j]);
      }
      member.barrier();
      return true;
    });
  });
  cancellation.rethrow();
  check_range(ws, table);
  for (size_t j = 0; j < n_latent; ++j) out[j] /= static_cast<double>(table.n_rows());
}

void bound_and_gradient(const Model& model, const Table& table, const float* noise, uint64_t seed,
                        double* out, float* gradient, float kl_weight, int n_threads,
                        Cancellation& cancellation) {
  const size_t n_draws = model.config().n_draws;
  const size_t block = block_rows(model, n_draws, table.n_rows());
  const int team = team_size(model, block, n_draws, n_threads);
  Workspace ws(model, block, n_draws, true, team, table.x.holes);
  const UpdateRule sum_up;
  run_team(team, [&](Member& member) {
    for_row_blocks(table.n_rows(), block, cancellation, member, [&](size_t first, size_t n) {
      Pass pass(model, ws, n, {seed});
      pass.settings.kl_weight = kl_weight;
      const Range mine = share_rows(member, n);
      for (size_t r = mine.begin; r < mine.end; ++r) ws.index[r] = static_cast<int64_t>(first + r);
      if (!gather(pass, table, NoiseBy::content, member)) return false;
      const MatView eps = ws.eps.view();
      for (size_t r = mine.begin; noise != nullptr && r < mine.end; ++r) {
        for (size_t l = 0; l < n_draws; ++l) {
          const float* from = noise + (l * table.n_rows() + first + r) * eps.cols;
          std::memcpy(eps.row(r * n_draws + l), from, eps.cols * sizeof(float));
        }
      }
      encode_hidden(pass, member);
      encode_and_sample(pass, member);
      decode_hidden(pass, member);
      decode_likelihood(pass, member);
      sum_bound(pass, member);
      for (size_t r = mine.begin; r < mine.end; ++r) out[first + r] = ws.bound[r];
      weigh_draws(pass, member);
      backward_decoder(pass, member);
      backward_encoder(pass, member);
      RowGather none;
      update(pass, {nullptr, gradient, nullptr}, sum_up, member, none);
      member.barrier();
      return true;
    });
  });
  cancellation.rethrow();
  check_range(ws, table);
}

}  // namespace aevb
