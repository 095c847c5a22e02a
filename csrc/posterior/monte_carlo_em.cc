#include "posterior/monte_carlo_em.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <numeric>

#include "mcmc/hmc.h"
#include "posterior/density.h"
#include "vae/blocks.h"
#include "vae/epoch.h"

namespace aevb {
namespace {

constexpr size_t kMostChains = 200;  // in lockstep: keeps their activations in L2
constexpr double kFirstStep = 0.1;

}  // namespace

// Rows of the data in one step.
struct MonteCarloEm::Batch {
  uint64_t step;
  uint64_t seed;
  std::vector<int64_t> index;
  std::vector<uint64_t> ids;  // of their noise

  size_t size() const { return index.size(); }
};

MonteCarloEm::MonteCarloEm(const Model& model, ConstMatView z, const EmOptions& options)
    : options_(options),
      step_size_(Adaptation::multiplicative, options.target_accept, kFirstStep),
      z_(z.rows, z.cols),
      gradient_(model.network().arena_size) {
  for (size_t r = 0; r < z.rows; ++r)
    std::memcpy(z_.view().row(r), z.row(r), z.cols * sizeof(float));
}

Progress MonteCarloEm::train(Model& model, const Rows& rows, const EpochPart& part, Watch& watch) {
  using Clock = std::chrono::steady_clock;
  const Config& config = model.config();
  const Clock::time_point start = Clock::now();
  const EpochOrder order(model, rows, part);
  const auto spent = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  Progress progress;
  size_t position = part.position;
  while (progress.n_steps < part.max_steps && position < part.subset.size) {
    const size_t n = std::min(config.batch_size, part.subset.size - position);
    Batch batch = {model.n_steps, config.seed, std::vector<int64_t>(n), std::vector<uint64_t>(n)};
    order.rows(position, n, batch.index.data());
    for (size_t m = 0; m < n; ++m)
      batch.ids[m] = noise_id(batch.step, static_cast<size_t>(batch.index[m]));
    if (n_moved_ != n || moved_step_ != batch.step)
      expect(model, rows, batch, part.n_threads, watch);
    const double bound =
        std::accumulate(log_joint_.begin(), log_joint_.begin() + static_cast<ptrdiff_t>(n), 0.0);
    if (!std::isfinite(bound)) {
      progress.diverged = true;
      break;
    }
    maximize(model, rows, batch, part.n_train, part.n_threads, watch);
    n_moved_ = 0;
    position += n;
    model.n_steps += 1;
    model.n_samples_seen += n;
    model.bound_sum += bound;
    progress.n_steps += 1;
    progress.n_rows += n;
    progress.bound_sum += bound;
    if (spent() >= part.max_seconds) break;
  }
  model.seconds += spent();
  progress.diverged = progress.diverged || !model.finite();
  return progress;
}

// The E-step: one HMC transition of every chain of the minibatch, all of one step size.
void MonteCarloEm::expect(const Model& model, const Rows& rows, const Batch& batch, int n_threads,
                          Watch& watch) {
  const size_t n_rows = batch.size();
  const size_t dim = z_.view().cols;
  const size_t share = ceil_div(n_rows, static_cast<size_t>(n_threads));
  const size_t block = std::min(kMostChains, round_up(share, kRowBlock));
  const size_t n_blocks = ceil_div(n_rows, block);
  const int team = useful_threads(
      static_cast<int>(std::min(n_blocks, static_cast<size_t>(n_threads))),
      flops_per_row(model.network(), 1, true) * static_cast<double>(n_rows * options_.n_leapfrog));
  if (moved_.view().rows < n_rows) moved_ = Matrix(n_rows, dim);
  log_joint_.resize(std::max(log_joint_.size(), n_rows));
  accepted_.resize(std::max(accepted_.size(), n_rows));
  std::vector<std::unique_ptr<PosteriorDensity>> densities;
  for (int i = 0; i < team; ++i)
    densities.push_back(std::make_unique<PosteriorDensity>(model, block));
  std::vector<Trajectory> trajectories(static_cast<size_t>(team), Trajectory(block, dim));
  std::vector<Matrix> gradients(static_cast<size_t>(team), Matrix(block, dim));
  const std::vector<float> step(block, static_cast<float>(step_size_.value()));
  std::vector<uint32_t> n_divergent(n_rows);
  watch.expect(static_cast<double>(n_rows));
  run_pieces(team, n_blocks, watch, [&](Member& member, size_t piece) {
    const size_t first = piece * block;
    const size_t n = std::min(block, n_rows - first);
    PosteriorDensity& density = *densities[member.rank()];
    density.set_rows(rows, batch.index.data() + first, n,
                     {NoiseBy::id, batch.seed, batch.ids.data() + first});
    const MatView z = moved_.view().block(first, n);
    for (size_t r = 0; r < n; ++r) {
      const auto row = static_cast<size_t>(batch.index[first + r]);
      std::memcpy(z.row(r), z_.view().row(row), dim * sizeof(float));
    }
    const ChainRows chains = {z, gradients[member.rank()].view(n), log_joint_.data() + first,
                              batch.ids.data() + first};
    density(chains.z, chains.log_p, chains.gradient);
    hmc_transition(kernels(), density, chains, trajectories[member.rank()], step.data(),
                   options_.n_leapfrog, batch.seed, 0, accepted_.data() + first,
                   n_divergent.data() + first);
    watch.done(static_cast<double>(n));
  });
  for (size_t r = 0; r < n_rows; ++r) {
    std::memcpy(z_.view().row(static_cast<size_t>(batch.index[r])), moved_.view().row(r),
                dim * sizeof(float));
  }
  const auto begin = accepted_.begin();
  acceptance_ = std::accumulate(begin, begin + static_cast<ptrdiff_t>(n_rows), 0.0) /
                static_cast<double>(n_rows);
  step_size_.adapt(acceptance_);
  moved_step_ = batch.step;
  n_moved_ = n_rows;
  n_updates_done_ = 0;
}

// The M-step: updates by the gradient of the mean over the minibatch of log p(x, z).
void MonteCarloEm::maximize(Model& model, const Rows& rows, const Batch& batch, size_t n_train,
                            int n_threads, Watch& watch) {
  const size_t n_rows = batch.size();
  const size_t block = block_rows(model, 1, n_rows);
  const int team = useful_threads(
      n_threads, flops_per_row(model.network(), 1, true) * static_cast<double>(block));
  Workspace ws(model, block, 1, true, team);
  const Kernels& k = kernels();
  const UpdateRule sum_up;
  const size_t first_update = n_updates_done_;
  bool stop = false;  // written by thread 0 before a barrier, read by all after the next
  watch.expect(static_cast<double>(n_rows * options_.n_updates));
  run_team(team, [&](Member& member) {
    for (size_t done = first_update; done < options_.n_updates; ++done) {
      for_row_blocks(n_rows, block, [&](size_t first, size_t n) {
        const Pass pass = {k, model, ws, n, batch.seed};
        const Range mine = share_rows(member, n);
        if (done == first_update || n_rows > block) {
          for (size_t r = mine.begin; r < mine.end; ++r) {
            ws.index[r] = batch.index[first + r];
            ws.ids[r] = batch.ids[first + r];
          }
          gather(pass, rows, NoiseBy::id, member);
        }
        if (member.rank() == 0) stop = !watch.go_on(member);
        for (size_t r = mine.begin; r < mine.end; ++r) {
          std::memcpy(ws.z.view().row(r), z_.view().row(static_cast<size_t>(ws.index[r])),
                      z_.view().cols * sizeof(float));
        }
        member.barrier();
        decode_hidden(pass, member);
        decode_likelihood(pass, member);
        backward_decoder(pass, member);
        RowGather nothing;
        update(pass, {nullptr, gradient_.data(), nullptr}, sum_up, member, nothing, Part::decoder);
        if (member.rank() == 0) watch.done(static_cast<double>(n));
        member.barrier();
        return !stop;
      });
      if (stop) return;
      const uint64_t t = batch.step * options_.n_updates + done;
      ascend(k, model.network(), model.arena(), gradient_.data(),
             model.update_rule(t, n_rows, n_train), member);
      if (member.rank() == 0) n_updates_done_ = done + 1;
    }
  });
  if (stop) std::fill_n(gradient_.data(), gradient_.size(), 0.0f);
  watch.rethrow();
}

}  // namespace aevb
