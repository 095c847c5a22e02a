#include "inference/inference.h"

#include "engine/posterior.h"
#include "engine/prior.h"
#include "inference/blocks.h"
#include "inference/generate.h"

namespace aevb {
namespace {

void copy_rows(ConstMatView from, Range rows, float* to) {
  for (size_t r = rows.begin; r < rows.end; ++r)
    std::memcpy(to + r * from.cols, from.row(r), from.cols * sizeof(float));
}

}  // namespace

void encode(const Model& model, const Table& table, float* mean, float* log_var, int n_threads,
            Cancellation& cancellation) {
  const size_t block = block_rows(model, 1, table.n_rows());
  const int team = team_size(model, block, 1, n_threads);
  Workspace ws(model, block, 1, false, team);
  run_team(team, [&](Member& member) {
    for_row_blocks(table.n_rows(), block, cancellation, member, [&](size_t first, size_t n) {
      const Pass pass(model, ws, n, {0});
      const Range mine = share_rows(member, n);
      for (size_t r = mine.begin; r < mine.end; ++r) ws.index[r] = static_cast<int64_t>(first + r);
      if (!gather(pass, table, NoiseBy::nothing, member)) return false;
      encode_hidden(pass, member);
      encode_heads(pass, member);
      const size_t start = first * model.config().n_latent;
      copy_rows(ws.mean(), mine, mean + start);
      if (log_var != nullptr) copy_rows(ws.log_var(), mine, log_var + start);
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
        draw_prior(pass.k,
                   noise_rows(seed, stream(Purpose::prior), ws.ids.data() + mine.begin, mine.size(),
                              1, {drawn.row(mine.begin), 0, drawn.cols, drawn.stride}));
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
  Workspace ws(model, block, n_draws, false, team);
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
        out.kl[first + r] =
            Posterior::kl(Prior(), ws.mean().row(r), ws.log_var().row(r), ws.mean().cols);
      }
      return true;
    });
  });
  cancellation.rethrow();
  check_range(ws, table);
}

void bound_and_gradient(const Model& model, const Table& table, const float* noise, uint64_t seed,
                        double* out, float* gradient, float kl_weight, int n_threads,
                        Cancellation& cancellation) {
  const size_t n_draws = model.config().n_draws;
  const size_t n_latent = model.config().n_latent;
  const size_t block = block_rows(model, n_draws, table.n_rows());
  const int team = team_size(model, block, n_draws, n_threads);
  Workspace ws(model, block, n_draws, true, team);
  const UpdateRule sum_up;
  run_team(team, [&](Member& member) {
    for_row_blocks(table.n_rows(), block, cancellation, member, [&](size_t first, size_t n) {
      Pass pass(model, ws, n, {seed});
      pass.settings.kl_weight = kl_weight;
      const Range mine = share_rows(member, n);
      for (size_t r = mine.begin; r < mine.end; ++r) ws.index[r] = static_cast<int64_t>(first + r);
      if (!gather(pass, table, NoiseBy::content, member)) return false;
      for (size_t r = mine.begin; noise != nullptr && r < mine.end; ++r) {
        for (size_t l = 0; l < n_draws; ++l) {
          const float* from = noise + (l * table.n_rows() + first + r) * n_latent;
          std::memcpy(ws.eps.view().row(r * n_draws + l), from, n_latent * sizeof(float));
        }
      }
      encode_hidden(pass, member);
      encode_and_sample(pass, member);
      decode_hidden(pass, member);
      decode_likelihood(pass, member);
      sum_bound(pass, member);
      for (size_t r = mine.begin; r < mine.end; ++r) out[first + r] = ws.bound[r];
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
