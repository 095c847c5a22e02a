// Many HMC chains with their step sizes. Threads share them in blocks.
#pragma once

#include <memory>
#include <numeric>

#include "mcmc/hmc.h"
#include "mcmc/step_size.h"
#include "parallel/cancellation.h"

namespace aevb {

struct HmcOptions {
  size_t n_leapfrog = 10;
  Adaptation adaptation = Adaptation::dual_averaging;
  bool per_chain = true;  // one step size per chain, or one for all
  double target_accept = 0.9;
  double initial_step = 0.1;
  uint64_t seed = 0;
};

class Chains {
 public:
  // n chains in dim dimensions, all at 0 until z() is written.
  Chains(size_t n, size_t dim, const HmcOptions& options)
      : options_(options),
        n_(n),
        z_(n, dim),
        gradient_(n, dim),
        log_p_(n),
        ids_(n),
        step_(n, static_cast<float>(options.initial_step)),
        acceptance_(n),
        acceptance_sum_(n),
        n_divergent_(n) {
    std::iota(ids_.begin(), ids_.end(), uint64_t{0});
    const StepSize start(options.adaptation, options.target_accept, options.initial_step);
    step_sizes_.assign(options.per_chain ? n : 1, start);
  }

  size_t size() const { return n_; }
  uint64_t n_done() const { return n_done_; }  // transitions
  MatView z() { return z_.view(); }
  const std::vector<float>& step() const { return step_; }

  // Sums of the acceptance probabilities, and divergences, since the start or the last freeze().
  const std::vector<double>& acceptance_sum() const { return acceptance_sum_; }
  const std::vector<uint32_t>& n_divergent() const { return n_divergent_; }

  // Fixes the step sizes from now on, and starts to count.
  void freeze() {
    std::fill(acceptance_sum_.begin(), acceptance_sum_.end(), 0.0);
    std::fill(n_divergent_.begin(), n_divergent_.end(), 0);
    for (StepSize& size : step_sizes_) size.freeze();
    for (size_t r = 0; r < n_; ++r) step_[r] = static_cast<float>(step_size_of(r).value());
  }

  // The keys of the chains' noise; by default their indices.
  uint64_t* ids() { return ids_.data(); }

  // Rows of a block, if so many threads share n chains evenly. The blocks never change a result.
  static size_t block_rows(size_t n, int n_threads) {
    constexpr size_t kMost = 100;  // keeps a block's activations in L2
    const size_t per_thread = ceil_div(n, static_cast<size_t>(n_threads));
    return round_up(ceil_div(per_thread, ceil_div(per_thread, kMost)), kRowBlock);
  }

  // Runs n_transitions of every chain, with one density per thread. A density must be made for
  // block_rows() rows. Its set_block(first, n) chooses the chains that it evaluates. draws:
  // (n_transitions, n, dim), dense, or null. After a cancellation the chains are unusable.
  template <class D>
    requires LogDensity<D>
  void run(const Kernels& k, std::vector<std::unique_ptr<D>>& densities, size_t n_transitions,
           bool adapt, float* draws, Cancellation& cancellation) {
    cancellation.expect_work(static_cast<double>(n_transitions) * static_cast<double>(n_));
    const bool together = adapt && !options_.per_chain;  // all adapt after every transition
    const size_t n_rounds = together ? n_transitions : 1;
    for (size_t round = 0; round < n_rounds; ++round) {
      run_round(k, densities, n_transitions / n_rounds, adapt, draws, cancellation);
      if (together) adapt_step(step_sizes_[0], mean_acceptance(), {0, n_});
      if (draws != nullptr) draws += n_transitions / n_rounds * n_ * z_.view().cols;
    }
  }

 private:
  template <class D>
  void run_round(const Kernels& k, std::vector<std::unique_ptr<D>>& densities, size_t n_transitions,
                 bool adapt, float* draws, Cancellation& cancellation) {
    const int n_threads = static_cast<int>(densities.size());
    const size_t block = block_rows(n_, n_threads);
    const size_t dim = z_.view().cols;
    std::vector<Trajectory> trajectories(densities.size(), Trajectory(block, dim));
    const ChainRows all = {z_.view(), gradient_.view(), log_p_.data(), ids_.data()};
    run_tasks(n_threads, ceil_div(n_, block), cancellation, [&](Member& member, size_t task) {
      D& density = *densities[member.rank()];
      const size_t first = task * block;
      const size_t n = std::min(block, n_ - first);
      const ChainRows rows = all.block(first, n);
      density.set_block(first, n);
      if (n_done_ == 0) density(rows.z, rows.log_p, rows.gradient);
      for (size_t i = 0; i < n_transitions && cancellation.may_continue(member); ++i) {
        hmc_transition(k, density, rows, trajectories[member.rank()], step_.data() + first,
                       options_.n_leapfrog, options_.seed, n_done_ + i, acceptance_.data() + first,
                       n_divergent_.data() + first);
        for (size_t r = first; r < first + n; ++r) {
          acceptance_sum_[r] += acceptance_[r];
          if (adapt && options_.per_chain) adapt_step(step_sizes_[r], acceptance_[r], {r, r + 1});
          if (draws != nullptr)
            std::memcpy(draws + (i * n_ + r) * dim, all.z.row(r), dim * sizeof(float));
        }
        cancellation.add_done(static_cast<double>(n));
      }
    });
    n_done_ += n_transitions;
  }

  const StepSize& step_size_of(size_t r) const { return step_sizes_[options_.per_chain ? r : 0]; }
  double mean_acceptance() const {
    return std::accumulate(acceptance_.begin(), acceptance_.end(), 0.0) / static_cast<double>(n_);
  }
  void adapt_step(StepSize& size, double acceptance, Range chains) {
    size.adapt(acceptance);
    const auto value = static_cast<float>(size.value());
    for (size_t r = chains.begin; r < chains.end; ++r) step_[r] = value;
  }

  HmcOptions options_;
  size_t n_;
  Matrix z_, gradient_;
  std::vector<double> log_p_;
  std::vector<uint64_t> ids_;
  std::vector<StepSize> step_sizes_;
  std::vector<float> step_;
  std::vector<double> acceptance_;  // of the last transition
  std::vector<double> acceptance_sum_;
  std::vector<uint32_t> n_divergent_;
  uint64_t n_done_ = 0;
};

}  // namespace aevb
