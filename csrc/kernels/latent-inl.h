// The latent layer for the posterior and prior of the paper: z, the terms of both in the bound, and
// the gradient of each objective for the encoder's outputs. Other posteriors, priors and objectives
// have the kernels of kernels/posterior-inl.h.
#pragma once

#include "families/objectives/all.h"
#include "families/posteriors/gaussian.h"
#include "kernels/kernels.h"

namespace aevb::AEVB_ISA {
namespace {

template <class O, class Q, class P>
void latent_sample_rows(const LatentRows& t) {
  for (size_t m = 0; m < t.rows; ++m) {
    const float* mean = t.output(0, m);
    const float* log_var = t.output(1, m);
    float term = 0.0f;
    if constexpr (O::info.analytic) {
      Vec kl = {};
      for (size_t j = 0; j < t.n_latent; j += W) {
        const Vec lv = load(log_var + j);
        const Vec mu = load(mean + j);
        kl += select(first_lanes(t.n_latent - j), Q::minus_twice_kl(P(), mu, lv), Vec{});
      }
      term = 0.5f * sum(kl);
    }
    for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) {
      Vec log_ratio = {};
      for (size_t j = 0; j < t.n_latent; j += W) {
        const Vec lv = load(log_var + j);
        const Vec eps = load(t.noise + l * t.ld_noise + j);
        const Vec z = Q::sample(load(mean + j), lv, eps);
        store(t.z + l * t.ld + j, z);
        log_ratio +=
            select(first_lanes(t.n_latent - j), Q::twice_log_ratio(P(), lv, eps, z), Vec{});
      }
      t.draw_term[l] = 0.5f * sum(log_ratio);
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
      const Vec mu = load(t.output(0, m) + j);
      const Vec lv = load(t.output(1, m) + j);
      HeadGradient d = {};
      for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) {
        const Vec eps = load(t.noise + l * t.ld_noise + j);
        Draw draw = {mu, lv, eps, Vec(), weight, t.kl_weight, 0.0f};
        if constexpr (O::info.differentiates_z) {
          draw.dz = load(t.dz + l * t.ld + j);
        } else {
          draw.f = t.f[l];
        }
        O::template add_draw<Q, P>(draw, d);
      }
      O::template add_row<Q, P>(t.kl_weight, mu, lv, d);
      store_first(t.n_latent - j, t.doutput(0, m) + j, d.mu);
      store_first(t.n_latent - j, t.doutput(1, m) + j, d.log_var);
    }
  }
}

// One function for each objective.
template <class... O>
struct LatentKernels {
  using Q = GaussianPosterior;
  using P = StandardNormal;
  static constexpr size_t n = sizeof...(O);
  static constexpr void (*sample[])(const LatentRows&) = {latent_sample_rows<O, Q, P>...};
  static constexpr void (*backward[])(const LatentRows&) = {latent_backward_rows<O, Q, P>...};
};
template <class... O>
constexpr LatentKernels<O...> latent_kernels(List<O...>) {
  return {};
}
using FusedLatent = decltype(latent_kernels(FusedObjectives()));

void latent_sample(const LatentRows& t) { FusedLatent::sample[t.objective](t); }
void latent_backward(const LatentRows& t) { FusedLatent::backward[t.objective](t); }

}  // namespace
}  // namespace aevb::AEVB_ISA
