#include "inference/importance.h"

#include "inference/blocks.h"
#include "inference/proposal.h"

namespace aevb {
namespace {

constexpr size_t kDrawsTogether = 50;  // draws of a row in one pass; results depend on it

struct RowWeights {
  LogWeights counted;
  GaussianProposal proposal;
};

// Fits the proposals of these rows to the draws that were added.
void fit_proposals(const Pass& pass, Range rows, MatView mean, MatView deviation,
                   std::vector<RowWeights>& known) {
  encode_moments(pass, rows, mean, deviation);
  for (size_t r = rows.begin; r < rows.end; ++r)
    known[r].proposal.fit(mean.row(r), deviation.row(r));
}

// Draws z for these rows from their proposals.
void sample_proposals(const Pass& pass, const std::vector<RowWeights>& known, Range rows) {
  Workspace& ws = pass.ws;
  for (size_t i = rows.begin * ws.n_draws; i < rows.end * ws.n_draws; ++i) {
    const GaussianProposal& proposal = known[i / ws.n_draws].proposal;
    ws.draw_term[i] = proposal.draw(pass.prior, ws.eps.view().row(i), ws.z().row(i));
  }
}

// Adds the weights of the first n draws of these rows: to the counted sum, or to the proposal's
// fit.
void add_weights(const Pass& pass, size_t n, bool counts, Range rows,
                 std::vector<RowWeights>& known) {
  Workspace& ws = pass.ws;
  for (size_t r = rows.begin; r < rows.end; ++r) {
    for (size_t i = r * ws.n_draws; i < r * ws.n_draws + n; ++i) {
      const auto log_weight = static_cast<double>(ws.f[i]);
      if (counts) {
        known[r].counted.add(log_weight);
      } else {
        known[r].proposal.add(log_weight, ws.z().row(i));
      }
    }
  }
}

}  // namespace

void importance(const Model& model, const Table& table, Subset subset, size_t n_draws,
                size_t n_adaptations, uint64_t seed, const LikelihoodRows& out, int n_threads,
                Cancellation& cancellation) {
  const size_t draws = std::min(n_draws, kDrawsTogether);
  const size_t n_passes = ceil_div(n_draws, draws);  // of a round
  // The decoder runs over every block many times, so its activations should stay in L2.
  const size_t block = block_rows(model, draws, subset.size, size_t{2} << 20);
  const int team = team_size(model, block, draws, n_threads);
  Workspace ws(model, block, draws, false, team, table.x.holes);
  const size_t fitted = n_adaptations > 0 ? model.config().n_latent : 0;
  std::vector<RowWeights> known(block, {{}, GaussianProposal(fitted)});
  Matrix mean(block, fitted), deviation(block, fitted);
  bool stop = false;  // thread 0 writes it before a barrier, all read it after that
  cancellation.expect_work(static_cast<double>(subset.size) * static_cast<double>(n_passes) *
                           static_cast<double>(n_adaptations + 1));

  // One pass over a block. False after a cancellation.
  const auto weigh = [&](Member& member, size_t n, size_t round, size_t i) {
    const Range mine = share_rows(member, n);
    const Pass pass(model, ws, n, {seed, static_cast<uint64_t>(round * n_passes + i) << 32});
    if (round > 0) {
      draw_normal_noise(pass, member);
    } else if (i > 0) {
      draw_noise(pass, member);
    }
    if (member.rank() == 0) stop = !cancellation.may_continue(member);
    if (round == 0) {
      encode_and_sample(pass, member);
    } else {
      sample_proposals(pass, known, mine);
    }
    member.barrier();
    if (stop) return false;
    decode_hidden(pass, member);
    decode_likelihood(pass, member);
    sum_bound(pass, member);
    add_weights(pass, std::min(draws, n_draws - i * draws), round == n_adaptations, mine, known);
    if (member.rank() == 0) cancellation.add_done(static_cast<double>(n));
    return true;
  };

  run_team(team, [&](Member& member) {
    for_row_blocks(subset.size, block, [&](size_t first, size_t n) {
      const Range mine = share_rows(member, n);
      subset_rows(model, table, subset, first + mine.begin, mine.size(),
                  ws.index.data() + mine.begin);
      if (!gather(Pass(model, ws, n, {seed}), table, NoiseBy::content, member)) return false;
      encode_hidden(Pass(model, ws, n, {seed}), member);
      for (size_t r = mine.begin; r < mine.end; ++r) known[r].counted = {};
      for (size_t round = 0; round <= n_adaptations; ++round) {
        for (size_t i = 0; i < n_passes; ++i) {
          if (!weigh(member, n, round, i)) return false;
        }
        if (round == n_adaptations) break;
        fit_proposals(Pass(model, ws, n, {seed}), mine, mean.view(), deviation.view(), known);
      }
      for (size_t r = mine.begin; r < mine.end; ++r) {
        out.set(first + r, known[r].counted);
        out.log_p[first + r] += Pass(model, ws, n, {seed}).log_jacobian(r);
      }
      return true;
    });
  });
  cancellation.rethrow();
  check_range(ws, table);
}

}  // namespace aevb
