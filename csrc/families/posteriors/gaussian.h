// q(z|x) = N(mu, diag(sigma^2)), eq. 9, with log_var = log sigma^2; z = mu + sigma eps, eq. 10.
#pragma once

#include "families/priors/all.h"

#ifdef AEVB_ISA
namespace aevb::AEVB_ISA {
namespace {

// Each function treats one vector of components of z.
struct GaussianPosterior {
  static constexpr PosteriorInfo info = {"gaussian", 2, {"mean", "log_var"}};

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

#else
#include <cmath>

namespace aevb {

// Functions of z, mu, log_var and eps (n,).
struct GaussianPosterior {
  static float log_sd(float log_var) { return 0.5f * log_var; }
  static void sample(const float* mu, const float* log_var, const float* eps, size_t n, float* z) {
    for (size_t j = 0; j < n; ++j) z[j] = mu[j] + std::exp(log_sd(log_var[j])) * eps[j];
  }
  // log q(z|x) without its constant, which depends on n alone.
  static double log_kernel(const float* mu, const float* log_var, const float* z, size_t n) {
    double sum = 0.0;
    for (size_t j = 0; j < n; ++j) {
      const auto v = static_cast<double>(log_var[j]);
      const double d = static_cast<double>(z[j]) - static_cast<double>(mu[j]);
      sum -= 0.5 * (v + d * d * std::exp(-v));
    }
    return sum;
  }
  // KL(q(z|x) || p(z)), appendix B.
  static double kl(StandardNormal, const float* mu, const float* log_var, size_t n) {
    double sum = 0.0;
    for (size_t j = 0; j < n; ++j) {
      const auto m = static_cast<double>(mu[j]), v = static_cast<double>(log_var[j]);
      sum += 0.5 * (m * m + std::expm1(v) - v);
    }
    return sum;
  }
};

}  // namespace aevb
#endif
