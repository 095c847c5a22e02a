// Dirichlet's distribution, for z on the simplex: z_j = g_j / sum g with g_j ~ Gamma(alpha_j, 1),
// whose derivatives are implicit (families/posteriors/gamma.h). A = sum alpha. Components of z
// below e^-60 are set to it, and have no gradient.
#pragma once

#include <algorithm>
#include <cmath>

#include "families/posteriors/shape-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct DirichletPosterior {
  static constexpr PosteriorInfo info = {
      .name = "dirichlet",
      .text = "Dirichlet's distribution, for z on the simplex, with implicit gradients",
      .support = LatentSupport::simplex,
      .prior = "dirichlet",
      .noise = LatentNoise::uniform,
      .n_noise = 4,
      .n_outputs = 1,
      .outputs = {"log_concentration"},
      .has_kl = true,
      .is_factorized = false};

  // z first holds log g. Its largest is subtracted, so that not all g are 0.
  template <class Rows>
  static float draw(const Rows& t, size_t m, size_t l) {
    float* z = t.z + l * t.ld;
    Vec largest = set1(-3e38f);
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Vec log_g = log_gamma_of(t, shape(t, m, j), l, j);
      largest = max(largest, select(first_lanes(t.n_latent - j), log_g, largest));
      store(z + j, log_g);
    }
    float lane[W];
    store(lane, largest);
    const float top = *std::max_element(lane, lane + W);
    const float log_total =
        std::log(sum_components(t.n_latent, [&](size_t j) { return exp(load(z + j) - top); }));
    for (size_t j = 0; j < t.n_latent; j += W)
      store(z + j, max(set1(kLeastLatent), exp(load(z + j) - top - log_total)));
    return log_density(t, m, l);
  }
  // log Gamma(A) + sum [(alpha - 1) log z - log Gamma(alpha)]
  template <class Rows>
  static float log_density(const Rows& t, size_t m, size_t l) {
    const Vec total = set1(concentration(t, m)), log_total = log(total);
    const float density = sum_components(t.n_latent, [&](size_t j) {
      const Shape alpha = shape(t, m, j);
      const Vec log_z = log(load(t.z + l * t.ld + j));
      return fma(alpha.value, log_z - (alpha.log - log_total), -log_z) +
             stirling_gap(alpha.value, alpha.log);
    });
    return density - stirling_gap(total, log_total)[0];
  }
  template <class Rows>
  static void slope(const Rows& t, size_t m, size_t l) {
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Vec z = max(set1(kLeastLatent), load(t.z + l * t.ld + j));
      store(t.dz + l * t.ld + j, (shape(t, m, j).value - 1.0f) / z);
    }
  }
  // sum [(1 - alpha) (digamma(alpha) - digamma(A)) + log Gamma(alpha)] - log Gamma(A) + log
  // Gamma(J). In terms of the gaps, alpha log alpha and the like cancel.
  template <class Rows>
  static float minus_kl(const Rows& t, size_t m) {
    const Vec total = set1(concentration(t, m)), log_total = log(total);
    const Vec whole = digamma_gap(total, log_total);
    const float own = sum_components(t.n_latent, [&](size_t j) {
      const Shape alpha = shape(t, m, j);
      return (alpha.value - 1.0f) * (digamma_gap(alpha.value, alpha.log) - whole) +
             (alpha.log - log_total) - stirling_gap(alpha.value, alpha.log);
    });
    return own + stirling_gap(total, log_total)[0] +
           static_cast<float>(aevb::log_gamma(static_cast<double>(t.n_latent)));
  }
  template <class Rows>
  static void backward(const Rows& t, size_t m) {
    for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) to_log_g(t, m, l);
    const Vec total = set1(concentration(t, m)), log_total = log(total);
    const Vec whole = digamma_gap(total, log_total);
    const Vec bend = (total - static_cast<float>(t.n_latent)) * trigamma_of(total);
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Shape alpha = shape(t, m, j);
      Vec d = {};  // for log alpha
      if (t.closed_kl)
        d = t.kl_weight * alpha.value * (bend - (alpha.value - 1.0f) * trigamma_of(alpha.value));
      for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) {
        const Vec dz = load(t.dz + l * t.ld + j);
        if (bits(dz != 0.0f) != 0)
          d = fma(dz, log_gamma_slope(alpha, log_gamma_of(t, alpha, l, j)), d);
        if (t.draws[l].score != 0.0f)
          d += t.draws[l].score * score(alpha, log_total, whole, load(t.z + l * t.ld + j));
      }
      store_first(t.n_latent - j, t.doutput(0, m) + j, d * alpha.slope);
    }
  }
  template <class Rows>
  static void recognize(const Rows& t, size_t m) {
    const Vec total = set1(concentration(t, m)), log_total = log(total);
    const Vec whole = digamma_gap(total, log_total);
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Shape alpha = shape(t, m, j);
      const Vec d = score(alpha, log_total, whole, load(t.z + m * t.ld + j));
      store_first(t.n_latent - j, t.doutput(0, m) + j, d * alpha.slope);
    }
  }
  template <class Rows>
  static void moments(const Rows& t, size_t m, float* mean, float* deviation) {
    const float total = concentration(t, m);
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Vec share = shape(t, m, j).value / total;
      store_first(t.n_latent - j, mean + j, share);
      store_first(t.n_latent - j, deviation + j,
                  sqrt(share * max(set1(0.0f), 1.0f - share) / (total + 1.0f)));
    }
  }
  template <class Rows>
  static void kl(const Rows& t, size_t m, float* out) {
    std::fill_n(out, t.n_latent, 0.0f);
    out[0] = -minus_kl(t, m);
  }

 private:
  template <class Rows>
  static AEVB_INLINE Shape shape(const Rows& t, size_t m, size_t j) {
    return Shape(load(t.output(0, m) + j));
  }
  template <class Rows>
  static float concentration(const Rows& t, size_t m) {
    return sum_components(t.n_latent, [&](size_t j) { return shape(t, m, j).value; });
  }
  template <class Rows>
  static AEVB_INLINE Vec log_gamma_of(const Rows& t, const Shape& alpha, size_t l, size_t j) {
    Vec noise[4];
    for (size_t i = 0; i < 4; ++i) noise[i] = load(t.noise + l * t.ld_noise + i * t.n_latent + j);
    return draw_log_gamma(noise, alpha);
  }
  // The derivative of log q(z|x) by log alpha, with z held fixed.
  static AEVB_INLINE Vec score(const Shape& alpha, Vec log_total, Vec whole, Vec z) {
    return alpha.value *
           (log(z) - (alpha.log - log_total) + digamma_gap(alpha.value, alpha.log) - whole);
  }
  // Replaces dz, the gradient for z without that of log q(z|x), by the gradient for log g. Since
  // dz_i / d log g_j = z_i ([i = j] - z_j), it is p_j - z_j sum p, with p_j = z_j dz_j.
  template <class Rows>
  static void to_log_g(const Rows& t, size_t m, size_t l) {
    const float* z = t.z + l * t.ld;
    float* dz = t.dz + l * t.ld;
    const float total = sum_components(t.n_latent, [&](size_t j) {
      const Vec zj = load(z + j);
      const Vec p = fma(zj, load(dz + j), t.draws[l].density * (1.0f - shape(t, m, j).value));
      store(dz + j, select(zj > kLeastLatent, p, Vec{}));
      return load(dz + j);
    });
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Vec zj = load(z + j);
      store(dz + j, select(zj > kLeastLatent, load(dz + j) - zj * total, Vec{}));
    }
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
