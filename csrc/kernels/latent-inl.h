// The latent layer: z, the terms of prior and posterior in the bound, and the gradient of each
// objective for the encoder's outputs.
#pragma once

#include "families/objectives/all.h"
#include "families/posteriors/all.h"
#include "kernels/kernels.h"

namespace aevb::AEVB_ISA {
namespace {

template <class O, class Q, class P>
void latent_sample_rows(const LatentRows& t) {
  for (size_t m = 0; m < t.rows; ++m) {
    const float* mean = t.mean + m * t.ld_heads;
    const float* log_var = t.log_var + m * t.ld_heads;
    float term = 0.0f;
    if constexpr (O::info.analytic) {
      Vec kl = {};
      for (size_t j = 0; j < t.n_latent; j += W) {
        const Vec lv = load(log_var + j);
        const Vec mu = load(mean + j);
        kl += select(first_lanes(t.n_latent - j), Q::minus_twice_kl(P(), mu, lv), Vec{});
      }
      term = t.kl_weight * 0.5f * sum(kl);
    }
    for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) {
      Vec log_ratio = {};
      for (size_t j = 0; j < t.n_latent; j += W) {
        const Vec lv = load(log_var + j);
        const Vec eps = load(t.eps + l * t.ld + j);
        const Vec z = Q::sample(load(mean + j), lv, eps);
        store(t.z + l * t.ld + j, z);
        log_ratio +=
            select(first_lanes(t.n_latent - j), Q::twice_log_ratio(P(), lv, eps, z), Vec{});
      }
      t.draw_term[l] = t.kl_weight * 0.5f * sum(log_ratio);
      if constexpr (!O::info.analytic) term += t.draw_term[l] / static_cast<float>(t.n_draws);
    }
    t.term[m] = term;
  }
}

template <class O, class Q, class P>
void latent_backward_rows(const LatentRows& t) {
  const float weight = 1.0f / static_cast<float>(t.n_draws);
  for (size_t m = 0; m < t.rows; ++m) {
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Vec mu = load(t.mean + m * t.ld_heads + j);
      const Vec lv = load(t.log_var + m * t.ld_heads + j);
      HeadGradient d = {};
      for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) {
        Draw draw = {mu, lv, load(t.eps + l * t.ld + j), Vec(), weight, t.kl_weight, 0.0f};
        if constexpr (O::info.differentiates_z) {
          draw.dz = load(t.dz + l * t.ld + j);
        } else {
          draw.f = t.f[l];
        }
        O::template add_draw<Q, P>(draw, d);
      }
      O::template add_row<Q, P>(t.kl_weight, mu, lv, d);
      store_first(t.n_latent - j, t.dmean + m * t.ld_heads + j, d.mu);
      store_first(t.n_latent - j, t.dlog_var + m * t.ld_heads + j, d.log_var);
    }
  }
}

// Wake-sleep: the gradient of log q(z|x) for a given z.
template <class Q>
void latent_recognize_rows(const LatentRows& t) {
  for (size_t m = 0; m < t.rows; ++m) {
    for (size_t j = 0; j < t.n_latent; j += W) {
      HeadGradient d;
      Q::score(load(t.mean + m * t.ld_heads + j), load(t.log_var + m * t.ld_heads + j),
               load(t.z + m * t.ld + j), d.mu, d.log_var);
      store_first(t.n_latent - j, t.dmean + m * t.ld_heads + j, d.mu);
      store_first(t.n_latent - j, t.dlog_var + m * t.ld_heads + j, d.log_var);
    }
  }
}

// One function for each objective.
template <class... O>
struct LatentKernels {
  using Q = GaussianPosterior;
  using P = StandardNormal;
  static constexpr void (*sample[])(const LatentRows&) = {latent_sample_rows<O, Q, P>...};
  static constexpr void (*backward[])(const LatentRows&) = {latent_backward_rows<O, Q, P>...};
};
template <class... O>
constexpr LatentKernels<O...> latent_kernels(List<O...>) {
  return {};
}

void latent_sample(const LatentRows& t) {
  decltype(latent_kernels(Objectives()))::sample[t.objective](t);
}
void latent_backward(const LatentRows& t) {
  decltype(latent_kernels(Objectives()))::backward[t.objective](t);
}
void latent_recognize(const LatentRows& t) { latent_recognize_rows<GaussianPosterior>(t); }

}  // namespace
}  // namespace aevb::AEVB_ISA
