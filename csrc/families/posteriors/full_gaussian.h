// A Gaussian with any covariance: z = mu + L eps. L is lower triangular, with e^log_diagonal on its
// diagonal and `factor` below it, row by row. With e = L^-1 (z - mu), log q(z|x) = -J log(2 pi) / 2
// - sum log_diagonal - |e|^2 / 2. For a draw, e is eps.
#pragma once

#include <algorithm>

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct FullGaussianPosterior {
  static constexpr PosteriorInfo info = {
      .name = "full-gaussian",
      .text = "a Gaussian with a full covariance matrix, for up to 1024 components",
      .support = LatentSupport::real,
      .prior = "standard-normal",
      .noise = LatentNoise::normal,
      .n_noise = 1,
      .n_outputs = 3,
      .outputs = {"mean", "log_diagonal", "factor"},
      .has_kl = true,
      .last_is_factor = true,
      .is_factorized = false};

  template <class Rows>
  static float draw(const Rows& t, size_t m, size_t l) {
    const float* eps = noise(t, l);
    float* z = t.z + l * t.ld;
    for (size_t i = 0; i < t.n_latent; ++i) z[i] = dot(factor(t, m, i), eps, i);
    for (size_t j = 0; j < t.n_latent; j += W)
      store(z + j, fma(diagonal(t, m, j), load(eps + j), load(t.output(0, m) + j) + load(z + j)));
    return density(t, m, eps);
  }
  template <class Rows>
  static float log_density(const Rows& t, size_t m, size_t l) {
    Solution e;
    whiten(t, m, t.z + l * t.ld, e);
    return density(t, m, e.value);
  }
  template <class Rows>
  static void slope(const Rows& t, size_t m, size_t l) {
    Solution e;
    whiten(t, m, t.z + l * t.ld, e);
    solve_transposed(t, m, e);
    for (size_t j = 0; j < t.n_latent; j += W) store(t.dz + l * t.ld + j, -load(e.value + j));
  }
  // KL = sum over i of (mu_i^2 + |row i of L|^2 - 1) / 2 - log_diagonal_i
  template <class Rows>
  static float minus_kl(const Rows& t, size_t m) {
    float squares = 0.0f;
    for (size_t i = 0; i < t.n_latent; ++i) squares += dot(factor(t, m, i), factor(t, m, i), i);
    return -0.5f * squares + sum_components(t.n_latent, [&](size_t j) {
      const Vec mu = load(t.output(0, m) + j), log_diagonal = load(t.output(1, m) + j);
      return 0.5f * (1.0f + 2.0f * log_diagonal - exp(2.0f * log_diagonal)) - 0.5f * mu * mu;
    });
  }
  // With g the gradient for z and v = L^-T e the gradient of log q(z|x) for mu, an element of L
  // gets g_i e_j through z and v_i e_j by the score; the diagonal loses the score of log |L|.
  // Through z, log q(z|x) has the gradient -v.
  template <class Rows>
  static void backward(const Rows& t, size_t m) {
    for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) {
      const float through_q = t.draws[l].density + t.draws[l].score;
      if (through_q == 0.0f) continue;
      Solution v;
      for (size_t j = 0; j < t.n_latent; j += W) store(v.value + j, load(noise(t, l) + j));
      solve_transposed(t, m, v);
      float* dz = t.dz + l * t.ld;
      for (size_t j = 0; j < t.n_latent; j += W)
        store(dz + j, fma(set1(through_q), load(v.value + j), load(dz + j)));
    }
    add_vectors(t, m);
    for (size_t i = 1; i < t.n_latent; ++i) add_factor_row(t, m, i);
  }
  template <class Rows>
  static void recognize(const Rows& t, size_t m) {
    Solution e, v;
    whiten(t, m, t.z + m * t.ld, e);
    v = e;
    solve_transposed(t, m, v);
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Vec vj = load(v.value + j);
      const Vec turn = fma(vj * load(e.value + j), diagonal(t, m, j), set1(-1.0f));
      store_first(t.n_latent - j, t.doutput(0, m) + j, vj);
      store_first(t.n_latent - j, t.doutput(1, m) + j, turn);
    }
    for (size_t i = 1; i < t.n_latent; ++i) {
      for (size_t j = 0; j < i; j += W)
        store_first(i - j, dfactor(t, m, i) + j, v.value[i] * load(e.value + j));
    }
  }
  template <class Rows>
  static void moments(const Rows& t, size_t m, float* mean, float* deviation) {
    for (size_t j = 0; j < t.n_latent; j += W)
      store_first(t.n_latent - j, mean + j, load(t.output(0, m) + j));
    for (size_t i = 0; i < t.n_latent; ++i) deviation[i] = dot(factor(t, m, i), factor(t, m, i), i);
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Vec own = diagonal(t, m, j);
      store_first(t.n_latent - j, deviation + j, sqrt(fma(own, own, load(deviation + j))));
    }
  }
  template <class Rows>
  static void kl(const Rows& t, size_t m, float* out) {
    for (size_t j = 1; j < t.n_latent; ++j) out[j] = 0.0f;
    out[0] = -minus_kl(t, m);
  }

 private:
  // A vector of the components. Kernels do not allocate, so their number has a limit.
  struct Solution {
    float value[kMostFactored + W];
  };

  template <class Rows>
  static AEVB_INLINE const float* noise(const Rows& t, size_t l) {
    return t.noise + l * t.ld_noise;
  }
  template <class Rows>
  static AEVB_INLINE const float* factor(const Rows& t, size_t m, size_t i) {
    return t.output(2, m) + i * (i - 1) / 2;
  }
  template <class Rows>
  static AEVB_INLINE float* dfactor(const Rows& t, size_t m, size_t i) {
    return t.doutput(2, m) + i * (i - 1) / 2;
  }
  template <class Rows>
  static AEVB_INLINE Vec diagonal(const Rows& t, size_t m, size_t j) {
    return exp(load(t.output(1, m) + j));
  }
  // The inner product of n elements.
  static AEVB_INLINE float dot(const float* a, const float* b, size_t n) {
    return sum_components(n, [&](size_t j) { return load(a + j) * load(b + j); });
  }
  template <class Rows>
  static float density(const Rows& t, size_t m, const float* e) {
    return sum_components(t.n_latent, [&](size_t j) {
      const Vec ej = load(e + j);
      return -0.918938533f - load(t.output(1, m) + j) - 0.5f * ej * ej;
    });
  }
  // Keeps the solutions for an L that is almost singular from inf - inf. A
  // NaN stays.
  static AEVB_INLINE float bounded(float x) { return std::min(std::max(x, -1e18f), 1e18f); }
  // e = L^-1 (z - mu), by forward substitution. Until its turn, e_i is 1 / L_ii.
  template <class Rows>
  static void whiten(const Rows& t, size_t m, const float* z, Solution& e) {
    for (size_t j = 0; j < t.n_latent; j += W) store(e.value + j, exp(-load(t.output(1, m) + j)));
    for (size_t i = 0; i < t.n_latent; ++i) {
      const float rest = z[i] - t.output(0, m)[i] - dot(factor(t, m, i), e.value, i);
      e.value[i] = bounded(e.value[i] * rest);
    }
  }
  // Replaces e by L^-T e, by back substitution over the rows of L.
  template <class Rows>
  static void solve_transposed(const Rows& t, size_t m, Solution& e) {
    for (size_t i = t.n_latent; i-- > 0;) {
      e.value[i] = bounded(e.value[i] * exp(set1(-t.output(1, m)[i]))[0]);
      for (size_t j = 0; j < i; j += W) {
        const Vec rest = fma(set1(-e.value[i]), load(factor(t, m, i) + j), load(e.value + j));
        store_first(i - j, e.value + j, rest);
      }
    }
  }
  // The gradients of mu and log_diagonal from those of z.
  template <class Rows>
  static void add_vectors(const Rows& t, size_t m) {
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Vec own = diagonal(t, m, j);
      Vec dmu = {}, turn = {};
      if (t.closed_kl) {
        dmu = -t.kl_weight * load(t.output(0, m) + j);
        turn = t.kl_weight * (1.0f - own * own);
      }
      for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) {
        const Vec g = load(t.dz + l * t.ld + j);
        dmu += g;
        turn += fma(g * load(noise(t, l) + j), own, set1(-t.draws[l].score));
      }
      store_first(t.n_latent - j, t.doutput(0, m) + j, dmu);
      store_first(t.n_latent - j, t.doutput(1, m) + j, turn);
    }
  }
  template <class Rows>
  static void add_factor_row(const Rows& t, size_t m, size_t i) {
    const float kl_weight = t.closed_kl ? -t.kl_weight : 0.0f;
    for (size_t j = 0; j < i; j += W) {
      Vec d = kl_weight * load(factor(t, m, i) + j);
      for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l)
        d = fma(set1(t.dz[l * t.ld + i]), load(noise(t, l) + j), d);
      store_first(i - j, dfactor(t, m, i) + j, d);
    }
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
