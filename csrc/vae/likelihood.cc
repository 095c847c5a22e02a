#include "vae/likelihood.h"

#include <cmath>

#include "vae/blocks.h"

namespace aevb {
namespace {

// Sums of weights and of their squares, given by their logarithms, relative to the largest.
class LogWeights {
 public:
  void add(double log_weight) {
    if (log_weight > largest_) {
      const double shrink = std::exp(largest_ - log_weight);
      sum_ *= shrink;
      squares_ *= shrink * shrink;
      largest_ = log_weight;
    }
    const double weight = std::exp(log_weight - largest_);
    sum_ += weight;
    squares_ += weight * weight;
  }
  double log_mean(double n) const { return largest_ + std::log(sum_ / n); }
  double std_error(double n) const {
    return std::sqrt(std::max(0.0, n * squares_ / (sum_ * sum_) - 1.0) / (n - 1.0));
  }
  double n_effective() const { return sum_ * sum_ / squares_; }

 private:
  double largest_ = -std::numeric_limits<double>::infinity();
  double sum_ = 0.0;
  double squares_ = 0.0;
};

}  // namespace

void importance(const Model& model, const Rows& rows, Subset subset, size_t n_draws, uint64_t seed,
                const LikelihoodRows& out, int n_threads) {
  constexpr size_t kTogether = 50;  // draws of a row in one pass; part of what a seed means
  const size_t draws = std::min(n_draws, kTogether);
  // The decoder runs over every block many times: its activations should stay in L2.
  const size_t block = block_rows(model, draws, subset.size, size_t{2} << 20);
  const int team = team_size(model, block, draws, n_threads);
  Workspace ws(model, block, draws, false, team);
  std::vector<LogWeights> weights(block);
  const Kernels& k = kernels();
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
        encode_and_sample(pass, member);
        decode_hidden(pass, member);
        decode_likelihood(pass, member);
        sum_bound(pass, member);
        for (size_t r = mine.begin; r < mine.end; ++r) {
          for (size_t l = 0; l < std::min(draws, n_draws - done); ++l)
            weights[r].add(static_cast<double>(ws.f[r * draws + l]));
        }
      }
      const auto count = static_cast<double>(n_draws);
      for (size_t r = mine.begin; r < mine.end; ++r) {
        out.log_p[first + r] = weights[r].log_mean(count);
        out.std_error[first + r] = weights[r].std_error(count);
        out.n_effective[first + r] = weights[r].n_effective();
      }
      return true;
    });
  });
  check_range(ws, rows);
}

}  // namespace aevb
