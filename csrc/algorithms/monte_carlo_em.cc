#include "algorithms/monte_carlo_em.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <numeric>

#include "algorithms/epoch.h"
#include "algorithms/rollback.h"
#include "algorithms/schedule.h"
#include "inference/blocks.h"
#include "mcmc/hmc.h"
#include "posterior/density.h"

namespace aevb {
namespace {

constexpr size_t kMostChains = 200;  // in lockstep: keeps their activations in L2
constexpr size_t kLeastBlocks = 4;   // the number of blocks is a multiple, for threads to share
constexpr double kFirstStep = 0.1;

}  // namespace

// The data rows of one step.
struct MonteCarloEm::Batch {
  uint64_t step;
  uint64_t seed;
  std::vector<int64_t> index;
  std::vector<uint64_t> ids;  // of their noise

  size_t size() const { return index.size(); }
};

// Memory that steps of up to n_rows need, allocated once for a call.
struct MonteCarloEm::Work {
  Work(Model& model, size_t n_rows, bool holes, const EmOptions& options, int n_threads,
       Cancellation& cancellation)
      // by the problem alone, since a BLAS's products depend on their shapes
      : chain_block(ceil_div(n_rows, round_up(ceil_div(n_rows, kMostChains), kLeastBlocks))),
        row_block(block_rows(model, 1, n_rows)),
        chain_team(team(model, n_rows * options.n_leapfrog,
                        std::min(static_cast<size_t>(n_threads), ceil_div(n_rows, chain_block)))),
        row_team(team(model, row_block, static_cast<size_t>(n_threads))),
        transposed(model),
        step(chain_block),
        n_divergent(n_rows),
        ws(model, row_block, 1, true, row_team, holes),
        rollback(cancellation, model, n_rows * options.n_updates,
                 flops(model, n_rows) * static_cast<double>(options.n_updates) / row_team) {
    const size_t dim = model.config().n_latent;
    for (int i = 0; i < chain_team; ++i) {
      densities.push_back(
          std::make_unique<PosteriorDensity>(model, transposed, chain_block, holes));
      trajectories.emplace_back(chain_block, dim);
      gradients.emplace_back(chain_block, dim);
    }
  }

  static int team(const Model& model, size_t n_rows, size_t n_threads) {
    return useful_threads(static_cast<int>(n_threads), flops(model, n_rows));
  }
  static double flops(const Model& model, size_t n_rows) {
    return flops_per_row(model.network(), 1, true) * static_cast<double>(n_rows);
  }

  size_t chain_block, row_block;
  int chain_team, row_team;
  TransposedDecoder transposed;  // of the weights at the start of a step
  std::vector<std::unique_ptr<PosteriorDensity>> densities;  // one per thread, as those below
  std::vector<Trajectory> trajectories;
  std::vector<Matrix> gradients;
  std::vector<float> step;
  std::vector<uint32_t> n_divergent;
  Workspace ws;
  Rollback rollback;  // of a step's updates
};

MonteCarloEm::MonteCarloEm(const Model& model, ConstMatView z, const EmOptions& options)
    : options_(options),
      step_size_(Adaptation::multiplicative, options.target_accept, kFirstStep),
      z_(z.rows, z.cols),
      gradient_(model.network().arena_size) {
  for (size_t r = 0; r < z.rows; ++r)
    std::memcpy(z_.view().row(r), z.row(r), z.cols * sizeof(float));
}

Progress MonteCarloEm::train(Model& model, const Table& table, const EpochSlice& slice,
                             Cancellation& cancellation) {
  using Clock = std::chrono::steady_clock;
  const Config& config = model.config();
  const Clock::time_point start = Clock::now();
  const EpochOrder order(model, table, slice);
  const Schedule schedule(config, slice, model.n_steps);
  const auto spent = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  const size_t most = std::min(config.batch_size, slice.subset.size);
  Work work(model, most, table.x.holes, options_, slice.n_threads, cancellation);
  if (moved_.view().rows < most) moved_ = Matrix(most, config.n_latent);
  log_joint_.resize(std::max(log_joint_.size(), most));
  accepted_.resize(std::max(accepted_.size(), most));
  Progress progress;
  size_t position = slice.position;
  while (progress.n_steps < slice.max_steps && position < slice.subset.size) {
    const size_t n = std::min(config.batch_size, slice.subset.size - position);
    Batch batch = {model.n_steps, config.seed, std::vector<int64_t>(n), std::vector<uint64_t>(n)};
    order.rows(position, n, batch.index.data());
    for (size_t m = 0; m < n; ++m)
      batch.ids[m] = noise_id(batch.step, static_cast<size_t>(batch.index[m]));
    if (!expect(model, table, batch, work, cancellation)) break;
    const double bound =
        std::accumulate(log_joint_.begin(), log_joint_.begin() + static_cast<ptrdiff_t>(n), 0.0);
    if (!std::isfinite(bound)) {
      progress.diverged = true;
      break;
    }
    if (!maximize(model, table, batch, schedule.at(batch.step), slice.n_train, work, cancellation))
      break;
    commit(batch);
    position += n;
    model.n_steps += 1;
    model.n_samples_seen += n;
    model.bound_sum += bound;
    progress.n_steps += 1;
    progress.n_rows += n;
    progress.bound_sum += bound;
    if (spent() >= slice.max_seconds) break;
  }
  model.seconds += spent();
  progress.diverged = progress.diverged || !model.finite();
  return progress;
}

// The E-step: one HMC transition of a copy of the minibatch's chains, all with one step size. False
// after a cancellation.
bool MonteCarloEm::expect(const Model& model, const Table& table, const Batch& batch, Work& work,
                          Cancellation& cancellation) {
  const size_t n_rows = batch.size();
  const size_t dim = z_.view().cols;
  const size_t block = work.chain_block;
  std::fill(work.step.begin(), work.step.end(), static_cast<float>(step_size_.value()));
  work.transposed.make(kernels(), model.weights());
  cancellation.expect_work(static_cast<double>(n_rows));
  share_tasks(work.chain_team, ceil_div(n_rows, block), cancellation,
              [&](Member& member, size_t task) {
                const size_t first = task * block;
                const size_t n = std::min(block, n_rows - first);
                PosteriorDensity& density = *work.densities[member.rank()];
                density.set_rows(table, batch.index.data() + first, n,
                                 {NoiseBy::id, batch.seed, batch.ids.data() + first});
                const MatView z = moved_.view().block(first, n);
                for (size_t r = 0; r < n; ++r) {
                  const auto row = static_cast<size_t>(batch.index[first + r]);
                  std::memcpy(z.row(r), z_.view().row(row), dim * sizeof(float));
                }
                const ChainRows chains = {z, work.gradients[member.rank()].view(n),
                                          log_joint_.data() + first, batch.ids.data() + first};
                density(chains.z, chains.log_p, chains.gradient);
                hmc_transition(kernels(), density, chains, work.trajectories[member.rank()],
                               work.step.data(), options_.n_leapfrog, batch.seed, 0,
                               accepted_.data() + first, work.n_divergent.data() + first);
                cancellation.add_done(static_cast<double>(n));
              });
  return !cancellation.requested();
}

// Copies the moved chains back, once the weights have been updated with them.
void MonteCarloEm::commit(const Batch& batch) {
  const size_t n_rows = batch.size();
  for (size_t r = 0; r < n_rows; ++r) {
    std::memcpy(z_.view().row(static_cast<size_t>(batch.index[r])), moved_.view().row(r),
                z_.view().cols * sizeof(float));
  }
  const auto begin = accepted_.begin();
  acceptance_ = std::accumulate(begin, begin + static_cast<ptrdiff_t>(n_rows), 0.0) /
                static_cast<double>(n_rows);
  step_size_.adapt(acceptance_);
}

// The M-step: updates by the gradient of the minibatch's mean of log p(x, z). After a cancellation
// it restores the weights and returns false.
bool MonteCarloEm::maximize(Model& model, const Table& table, const Batch& batch,
                            const StepSettings& settings, size_t n_train, Work& work,
                            Cancellation& cancellation) {
  const size_t n_rows = batch.size();
  const size_t block = work.row_block;
  Workspace& ws = work.ws;
  Rollback& rollback = work.rollback;
  const UpdateRule sum_up;
  const Coordinates coordinates = coordinates_of(model);
  bool stops = false;  // thread 0 writes it before a barrier, all read it after the next
  cancellation.expect_work(static_cast<double>(n_rows * options_.n_updates));
  run_team(work.row_team, [&](Member& member) {
    rollback.save(member);
    for (size_t done = 0; done < options_.n_updates; ++done) {
      for_row_blocks(n_rows, block, [&](size_t first, size_t n) {
        const Pass pass(model, ws, n, {batch.seed});
        const Range mine = share_rows(member, n);
        if (done == 0 || n_rows > block) {
          for (size_t r = mine.begin; r < mine.end; ++r) {
            ws.index[r] = batch.index[first + r];
            ws.ids[r] = batch.ids[first + r];
          }
          gather(pass, table, NoiseBy::id, member);
        }
        if (member.rank() == 0)
          stops = rollback.can_restore() && !cancellation.may_continue(member);
        for (size_t r = mine.begin; r < mine.end; ++r) {
          coordinates.to_latent(moved_.view().row(first + r), moved_.view().cols, ws.z().row(r));
        }
        decode_hidden(pass, member);
        decode_likelihood(pass, member);
        backward_decoder(pass, member);
        RowGather nothing;
        update(pass, {nullptr, gradient_.data(), nullptr}, sum_up, member, nothing,
               Networks::decoder);
        if (member.rank() == 0) cancellation.add_done(static_cast<double>(n));
        member.barrier();
        return !stops;
      });
      if (stops) return rollback.restore(member);
      const uint64_t t = batch.step * options_.n_updates + done;
      ascend(kernels(), model.network(), model.parameters().arena(), gradient_.data(),
             update_rule(model.config(), settings, t, n_rows, n_train), member, Networks::decoder);
    }
  });
  if (stops) std::fill_n(gradient_.data(), gradient_.size(), 0.0f);
  return !stops;
}

}  // namespace aevb
