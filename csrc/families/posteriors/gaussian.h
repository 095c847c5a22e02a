// q(z|x) = N(mu, diag(sigma^2)), eq. 9, with log_var = log sigma^2; z = mu + sigma eps, eq. 10.
#pragma once

#include "families/posteriors/posterior-inl.h"
#include "families/priors/standard_normal.h"

namespace aevb::AEVB_ISA {
namespace {

struct GaussianPosterior {
  static constexpr PosteriorInfo info = {.name = "gaussian",
                                         .text = "a diagonal Gaussian (eq. 9)",
                                         .support = LatentSupport::real,
                                         .prior = "standard-normal",
                                         .noise = LatentNoise::normal,
                                         .n_noise = 1,
                                         .n_outputs = 2,
                                         .outputs = {"mean", "log_var"},
                                         .has_kl = true};

  // The functions of posterior-inl.h
  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    return sample(o[0], o[1], noise[0]);
  }
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    const Vec error = z - o[0];
    return -0.918938533f - 0.5f * fma(error * error, exp(-o[1]), o[1]);
  }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    score(o[0], o[1], z, d[0], d[1]);
    dz = -d[0];
  }
  static AEVB_INLINE void pathwise(const Vec* o, const Vec* noise, Vec, Vec* d) {
    d[0] = set1(1.0f);
    d[1] = 0.5f * deviation(o[1], noise[0]);
  }
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    mean = o[0];
    sd = exp(0.5f * o[1]);
  }
  static AEVB_INLINE Vec minus_kl(const Vec* o) {
    return 0.5f * minus_twice_kl(StandardNormal(), o[0], o[1]);
  }
  static AEVB_INLINE void minus_kl_gradient(const Vec* o, Vec* d) {
    d[0] = d[1] = Vec{};
    add_kl_gradient(StandardNormal(), 1.0f, o[0], o[1], d[0], d[1]);
  }

  // The functions of its own kernels (kernels/latent-inl.h)

  static AEVB_INLINE Vec deviation(Vec log_var, Vec eps) { return exp(0.5f * log_var) * eps; }
  static AEVB_INLINE Vec sample(Vec mu, Vec log_var, Vec eps) {
    return fma(exp(0.5f * log_var), eps, mu);
  }

  // 2 (log p(z) - log q(z|x))
  static AEVB_INLINE Vec twice_log_ratio(StandardNormal, Vec log_var, Vec eps, Vec z) {
    return log_var + (eps - z) * (eps + z);
  }

  // -2 KL(q(z|x) || p(z)), appendix B; then the gradient of -KL, times a weight
  static AEVB_INLINE Vec minus_twice_kl(StandardNormal, Vec mu, Vec log_var) {
    return (1.0f + log_var - exp(log_var)) - mu * mu;
  }
  static AEVB_INLINE void add_kl_gradient(StandardNormal, float weight, Vec mu, Vec log_var,
                                          Vec& dmu, Vec& dlog_var) {
    dmu -= weight * mu;
    dlog_var += weight * 0.5f * (1.0f - exp(log_var));
  }

  // Adds the gradient that reaches the outputs through z; deviation = z - mu.
  static AEVB_INLINE void add_pathwise(Vec dz, Vec deviation, Vec& dmu, Vec& dlog_var) {
    dmu += dz;
    dlog_var = fma(0.5f * dz, deviation, dlog_var);
  }
  // Adds the gradient of -log q(z|x) at z = mu + sigma eps: it equals the gradient of log sigma.
  static AEVB_INLINE void add_entropy_gradient(float weight, Vec& dlog_var) {
    dlog_var += weight * 0.5f;
  }

  // Adds f times the gradient of log q(z|x), with z held fixed.
  static AEVB_INLINE void add_score(float f, Vec log_var, Vec eps, Vec& dmu, Vec& dlog_var) {
    dmu += f * eps * exp(-0.5f * log_var);
    dlog_var += f * 0.5f * (eps * eps - 1.0f);
  }
  // The gradient of log q(z|x) for a given z.
  static AEVB_INLINE void score(Vec mu, Vec log_var, Vec z, Vec& dmu, Vec& dlog_var) {
    const Vec error = z - mu;
    dmu = error * exp(-log_var);
    dlog_var = 0.5f * (error * dmu - 1.0f);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
