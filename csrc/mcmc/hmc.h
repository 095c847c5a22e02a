// Hybrid (Hamiltonian) Monte Carlo of many independent chains in lockstep. Each chain is one row of
// a matrix, so their gradients are one batch (Duane, Kennedy, Pendleton, Roweth 1987; Neal 2011).
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <vector>

#include "nn/random.h"

namespace aevb {

// A log-density: writes its value for each row of z, unless log_p is null, and its gradient.
template <class D>
concept LogDensity = requires(D& density, ConstMatView z, double* log_p, MatView gradient) {
  { density(z, log_p, gradient) } -> std::same_as<void>;
};

// The states of chains: rows of z with their log-densities and gradients. These are kept between
// trajectories, so n leapfrog steps cost n gradients.
struct ChainRows {
  MatView z;
  MatView gradient;
  double* log_p;
  const uint64_t* ids;  // keys of the chains' noise

  ChainRows block(size_t first, size_t n) const {
    return {z.block(first, n), gradient.block(first, n), log_p + first, ids + first};
  }
};

// Memory that a transition needs beside the chains, for up to `rows` of them.
struct Trajectory {
  Trajectory(size_t rows, size_t dim)
      : z(rows, dim),
        gradient(rows, dim),
        velocity(rows, dim),
        uniform(rows, 2),
        log_p(rows),
        step(rows) {}
  Matrix z, gradient, velocity, uniform;
  std::vector<double> log_p;
  std::vector<float> step;
};

// The step size of each transition is drawn within this fraction of the chain's step size. A fixed
// trajectory length can be a whole period of some direction, and return to its start (Neal 2011,
// section 3.2).
inline constexpr float kStepJitter = 0.2f;

// A larger difference of energies is a divergence: the leapfrog has lost the trajectory.
inline constexpr double kDivergence = 1000.0;

namespace detail {

inline double kinetic(const float* v, size_t dim) {
  double sum = 0.0;
  for (size_t j = 0; j < dim; ++j) sum += static_cast<double>(v[j]) * static_cast<double>(v[j]);
  return 0.5 * sum;
}

// y += scale * step[row] * x, row by row
inline void add_scaled(MatView y, ConstMatView x, const float* step, float scale) {
  for (size_t r = 0; r < y.rows; ++r) {
    const float s = scale * step[r];
    for (size_t j = 0; j < y.cols; ++j) y.row(r)[j] += s * x.row(r)[j];
  }
}

inline void copy_row(MatView to, ConstMatView from, size_t r) {
  std::memcpy(to.row(r), from.row(r), from.cols * sizeof(float));
}

}  // namespace detail

// n leapfrog steps of every row from (z, velocity), given the gradient there. Each row has its own
// step size. Writes the log-density and gradient at the end: n gradients for n steps.
template <LogDensity D>
void leapfrog(D& density, MatView z, MatView velocity, MatView gradient, double* log_p,
              const float* step, size_t n) {
  detail::add_scaled(velocity, gradient, step, 0.5f);
  for (size_t i = 1; i <= n; ++i) {
    detail::add_scaled(z, velocity, step, 1.0f);
    density(z, i < n ? nullptr : log_p, gradient);
    detail::add_scaled(velocity, gradient, step, i < n ? 1.0f : 0.5f);
  }
}

// The number of transitions of a chain that have noise of their own.
inline constexpr uint64_t kMostIterations = uint64_t{1} << 24;

// One transition of every chain: n_leapfrog steps of about its step size, then a Metropolis test on
// H(z, v) = -log p(z) + |v|^2 / 2. Writes each chain's acceptance probability, and counts
// divergences. The seed, each chain's id and the iteration key the noise.
template <LogDensity D>
void hmc_transition(const Kernels& k, D& density, const ChainRows& chains, Trajectory& t,
                    const float* step, size_t n_leapfrog, uint64_t seed, uint64_t iteration,
                    double* acceptance, uint32_t* n_divergent) {
  const size_t n = chains.z.rows;
  const size_t dim = chains.z.cols;
  const MatView z = t.z.view(n), gradient = t.gradient.view(n), velocity = t.velocity.view(n);
  const MatView uniform = t.uniform.view(n);
  const auto noise = [&](Purpose purpose, MatView out) {
    return noise_rows(seed, stream(purpose, iteration << 32), chains.ids, n, 1, out);
  };
  for (size_t r = 0; r < n; ++r) {
    detail::copy_row(z, chains.z, r);
    detail::copy_row(gradient, chains.gradient, r);
  }
  k.normal(noise(Purpose::momentum, velocity));
  k.uniform(noise(Purpose::accept, uniform));

  for (size_t r = 0; r < n; ++r) {
    t.step[r] = step[r] * (1.0f + kStepJitter * (2.0f * uniform.row(r)[1] - 1.0f));
    acceptance[r] = detail::kinetic(velocity.row(r), dim) - chains.log_p[r];  // H at the start
  }
  leapfrog(density, z, velocity, gradient, t.log_p.data(), t.step.data(), n_leapfrog);
  for (size_t r = 0; r < n; ++r) {
    const double lost = acceptance[r] - (detail::kinetic(velocity.row(r), dim) - t.log_p[r]);
    const bool divergent = !(lost > -kDivergence) || std::isinf(lost);  // also NaN
    n_divergent[r] += divergent;
    acceptance[r] = divergent ? 0.0 : std::min(1.0, std::exp(lost));
    if (static_cast<double>(uniform.row(r)[0]) >= acceptance[r]) continue;
    detail::copy_row(chains.z, z, r);
    detail::copy_row(chains.gradient, gradient, r);
    chains.log_p[r] = t.log_p[r];
  }
}

}  // namespace aevb
