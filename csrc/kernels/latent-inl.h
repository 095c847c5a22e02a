// The latent layer: z = mu + sigma eps (eqs. 9, 10), the prior's and posterior's part of the bound,
// and the gradients of each estimator with respect to mu and log sigma^2.
#pragma once

#include "kernels/kernels.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

void latent_sample(const LatentRows& t) {
  for (size_t m = 0; m < t.rows; ++m) {
    const float* mean = t.mean + m * t.ld_heads;
    const float* log_var = t.log_var + m * t.ld_heads;
    float term = 0.0f;
    if (t.objective == Objective::analytic_kl) {  // -KL, appendix B
      Vec kl = {};
      for (size_t j = 0; j < t.n_latent; j += W) {
        const Vec lv = load(log_var + j);
        const Vec mu = load(mean + j);
        kl += select(first_lanes(t.n_latent - j), (1.0f + lv - exp(lv)) - mu * mu, Vec{});
      }
      term = 0.5f * sum(kl);
    }
    for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) {
      Vec log_ratio = {};  // 2 (log p(z) - log q(z|x)) = lv + eps^2 - z^2
      for (size_t j = 0; j < t.n_latent; j += W) {
        const Vec lv = load(log_var + j);
        const Vec eps = load(t.eps + l * t.ld + j);
        const Vec z = fma(exp(0.5f * lv), eps, load(mean + j));
        store(t.z + l * t.ld + j, z);
        log_ratio += select(first_lanes(t.n_latent - j), lv + (eps - z) * (eps + z), Vec{});
      }
      t.draw_term[l] = 0.5f * sum(log_ratio);
      if (t.objective != Objective::analytic_kl)
        term += t.draw_term[l] / static_cast<float>(t.n_draws);
    }
    t.term[m] = term;
  }
}

// Gradients of one draw, added to dmu and dlv.
template <Objective objective>
AEVB_INLINE void latent_backward_draw(const LatentRows& t, size_t l, size_t j, Vec mu, Vec lv,
                                      Vec& dmu, Vec& dlv) {
  const float weight = 1.0f / static_cast<float>(t.n_draws);
  const Vec eps = load(t.eps + l * t.ld + j);
  if constexpr (objective == Objective::score_function) {  // f grad log q(z|x), z held fixed
    const float f = weight * t.f[l];
    dmu += f * eps * exp(-0.5f * lv);
    dlv += f * 0.5f * (eps * eps - 1.0f);
  } else {
    const Vec sigma_eps = exp(0.5f * lv) * eps;
    Vec dz = load(t.dz + l * t.ld + j);
    if constexpr (objective == Objective::monte_carlo)
      dz -= weight * (mu + sigma_eps);  // d log p(z)
    dmu += dz;
    dlv = fma(0.5f * dz, sigma_eps, dlv);
  }
}

template <Objective objective>
void latent_backward_rows(const LatentRows& t) {
  for (size_t m = 0; m < t.rows; ++m) {
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Vec mu = load(t.mean + m * t.ld_heads + j);
      const Vec lv = load(t.log_var + m * t.ld_heads + j);
      Vec dmu = {};
      Vec dlv = {};
      for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) {
        latent_backward_draw<objective>(t, l, j, mu, lv, dmu, dlv);
      }
      if constexpr (objective == Objective::analytic_kl) {
        dmu -= mu;
        dlv += 0.5f * (1.0f - exp(lv));
      } else if constexpr (objective == Objective::monte_carlo) {
        dlv += 0.5f;  // -log q(z|x) has log sigma
      }
      store_first(t.n_latent - j, t.dmean + m * t.ld_heads + j, dmu);
      store_first(t.n_latent - j, t.dlog_var + m * t.ld_heads + j, dlv);
    }
  }
}

// Wake-sleep: gradient of log q(z|x) with respect to mu and log sigma^2, z given.
void latent_recognize(const LatentRows& t) {
  for (size_t m = 0; m < t.rows; ++m) {
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Vec error = load(t.z + m * t.ld + j) - load(t.mean + m * t.ld_heads + j);
      const Vec dmu = error * exp(-load(t.log_var + m * t.ld_heads + j));
      store_first(t.n_latent - j, t.dmean + m * t.ld_heads + j, dmu);
      store_first(t.n_latent - j, t.dlog_var + m * t.ld_heads + j, 0.5f * (error * dmu - 1.0f));
    }
  }
}

void latent_backward(const LatentRows& t) {
  switch (t.objective) {
    case Objective::analytic_kl:
      return latent_backward_rows<Objective::analytic_kl>(t);
    case Objective::monte_carlo:
      return latent_backward_rows<Objective::monte_carlo>(t);
    case Objective::score_function:
      return latent_backward_rows<Objective::score_function>(t);
  }
}

}  // namespace
}  // namespace aevb::AEVB_ISA
