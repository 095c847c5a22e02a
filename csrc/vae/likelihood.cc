#include "vae/likelihood.h"

#include "vae/blocks.h"

namespace aevb {
void importance(const Model& model, const Rows& rows, Subset subset, size_t n_draws, uint64_t seed,
                const LikelihoodRows& out, int n_threads, Watch& watch) {
  constexpr size_t kTogether = 50;  // draws of a row in one pass; part of what a seed means
  const size_t draws = std::min(n_draws, kTogether);
  // The decoder runs over every block many times: its activations should stay in L2.
  const size_t block = block_rows(model, draws, subset.size, size_t{2} << 20);
  const int team = team_size(model, block, draws, n_threads);
  Workspace ws(model, block, draws, false, team);
  std::vector<LogWeights> weights(block);
  const Kernels& k = kernels();
  bool stop = false;  // written by thread 0 before a barrier, read by all after it
  watch.expect(static_cast<double>(subset.size) * static_cast<double>(n_draws));
  run_team(team, [&](Member& member) {
    for_row_blocks(subset.size, block, [&](size_t first, size_t n) {
      const Range mine = share_rows(member, n);
      subset_rows(model, rows, subset, first + mine.begin, mine.size(),
                  ws.index.data() + mine.begin);
      if (!gather({k, model, ws, n, seed}, rows, NoiseBy::content, member)) return false;
      encode_hidden({k, model, ws, n, seed}, member);
      for (size_t r = mine.begin; r < mine.end; ++r) weights[r] = {};
      for (size_t done = 0; done < n_draws; done += draws) {
        const Pass pass = {k, model, ws, n, seed, static_cast<uint64_t>(done / draws) << 32};
        if (done > 0) draw_noise(pass, member);
        if (member.rank() == 0) stop = !watch.go_on(member);
        encode_and_sample(pass, member);
        if (stop) return false;
        decode_hidden(pass, member);
        decode_likelihood(pass, member);
        sum_bound(pass, member);
        for (size_t r = mine.begin; r < mine.end; ++r) {
          for (size_t l = 0; l < std::min(draws, n_draws - done); ++l)
            weights[r].add(static_cast<double>(ws.f[r * draws + l]));
        }
        if (member.rank() == 0) watch.done(static_cast<double>(n * draws));
      }
      for (size_t r = mine.begin; r < mine.end; ++r) out.set(first + r, weights[r]);
      return true;
    });
  });
  watch.rethrow();
  check_range(ws, rows);
}

}  // namespace aevb
