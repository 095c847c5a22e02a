// Annealed importance sampling of many chains in lockstep (Neal 2001).
#pragma once

#include "mcmc/hmc.h"

namespace aevb {

// A density with log f_beta = (1 - beta) log f_0 + beta log f_1. f_0 is normalised and can be
// sampled.
template <class D>
concept TemperedDensity = LogDensity<D> && requires(D& density, double beta) {
  { density.set_beta(beta) } -> std::same_as<void>;
  // log f_1 - log f_0 of each row, at its last evaluation
  { density.log_ratio() } -> std::same_as<const double*>;
};

// Memory that a pass along the path needs beside the chains, for up to `rows` of them.
struct AnnealingWork {
  AnnealingWork(size_t rows, size_t dim)
      : trajectory(rows, dim), step(rows), accepted(rows), n_divergent(rows) {}
  Trajectory trajectory;
  std::vector<float> step;
  std::vector<double> accepted;
  std::vector<uint32_t> n_divergent;
};

struct AnnealingPath {
  std::vector<double> beta;  // from 0 to 1 for chains from f_0, from 1 to 0 for chains from f_1
  size_t n_leapfrog = 10;
  size_t group = 1;  // consecutive chains with common step sizes
};

// One pass of all chains along the path. Writes the log-weights and the mean acceptance of each
// group. The weights have the expectation Z_1 / Z_0 (from 1 to 0: Z_0 / Z_1). steps is
// (temperatures, groups). With `tune`, row 0 holds the initial step sizes and the pass writes the
// other rows; then the weights are biased. Without it, the step sizes are used as they are. False
// if go_on() returned false.
template <TemperedDensity D, class GoOn>
bool anneal(const Kernels& k, D& density, const AnnealingPath& path, const ChainRows& chains,
            AnnealingWork& work, MatView steps, bool tune, uint64_t seed, double* log_weight,
            double* acceptance, GoOn go_on) {
  constexpr double kTarget = 0.65;  // Wu, Burda, Salakhutdinov, Grosse 2017
  constexpr double kGain = 0.2;     // of the logarithm, per temperature
  const size_t n = chains.z.rows;
  const size_t n_groups = n / path.group;
  const size_t last = path.beta.size() - 1;
  std::fill_n(log_weight, n, 0.0);
  std::fill_n(acceptance, n_groups,
              last > 1 ? 0.0 : std::numeric_limits<double>::quiet_NaN());  // no transition
  for (size_t i = 1;; ++i) {
    density.set_beta(path.beta[i]);
    density(chains.z, chains.log_p, chains.gradient);
    for (size_t r = 0; r < n; ++r)
      log_weight[r] += (path.beta[i] - path.beta[i - 1]) * density.log_ratio()[r];
    if (i == last) return true;
    if (!go_on()) return false;
    const float* now = steps.row(tune ? i - 1 : i);
    for (size_t r = 0; r < n; ++r) work.step[r] = now[r / path.group];
    hmc_transition(k, density, chains, work.trajectory, work.step.data(), path.n_leapfrog, seed, i,
                   work.accepted.data(), work.n_divergent.data());
    for (size_t g = 0; g < n_groups; ++g) {
      double mean = 0.0;
      for (size_t c = 0; c < path.group; ++c) mean += work.accepted[g * path.group + c];
      mean /= static_cast<double>(path.group);
      acceptance[g] += mean / static_cast<double>(last - 1);
      if (tune) steps.row(i)[g] = now[g] * static_cast<float>(std::exp(kGain * (mean - kTarget)));
    }
  }
}

}  // namespace aevb
