// The latent layer for any posterior, prior and objective: z, log p(z) - log q(z|x), and the
// gradient of the bound for the encoder's outputs. A gradient is made of three parts of each draw,
// with the weights that the objective gave it: the gradient that reaches the outputs through z,
// that of the densities through z, and the score.
#pragma once

#include "families/posteriors/all.h"
#include "families/priors/all.h"
#include "kernels/noise-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// The encoder's outputs of a vector of components from j on, in row m.
template <class Q>
struct Outputs {
  Vec o[Q::info.n_outputs];
  AEVB_INLINE Outputs(const LatentRows& t, size_t m, size_t j) {
    for (size_t i = 0; i < Q::info.n_outputs; ++i) o[i] = load(t.output(i, m) + j);
  }
};
template <class Q>
struct NoiseOf {
  Vec eps[Q::info.n_noise];
  AEVB_INLINE NoiseOf(const LatentRows& t, size_t draw, size_t j) {
    for (size_t i = 0; i < Q::info.n_noise; ++i)
      eps[i] = load(t.noise + draw * t.ld_noise + i * t.n_latent + j);
  }
};

// The rows of a posterior whose components are independent.
template <class Q>
struct Independent {
  static constexpr size_t kOutputs = Q::info.n_outputs;

  // z of draw l; returns log q(z|x)
  static float draw(const LatentRows& t, size_t m, size_t l) {
    for (size_t j = 0; j < t.n_latent; j += W)
      store(t.z + l * t.ld + j, Q::sample(Outputs<Q>(t, m, j).o, NoiseOf<Q>(t, l, j).eps));
    return log_density(t, m, l);
  }
  static float log_density(const LatentRows& t, size_t m, size_t l) {
    return sum_components(t.n_latent, [&](size_t j) {
      return Q::log_density(Outputs<Q>(t, m, j).o, load(t.z + l * t.ld + j));
    });
  }
  // dz = the gradient of log q(z|x) for z
  static void slope(const LatentRows& t, size_t m, size_t l) {
    for (size_t j = 0; j < t.n_latent; j += W) {
      Vec dz, d[kOutputs];
      Q::gradient(Outputs<Q>(t, m, j).o, load(t.z + l * t.ld + j), dz, d);
      store(t.dz + l * t.ld + j, dz);
    }
  }
  static float minus_kl(const LatentRows& t, size_t m) {
    if constexpr (!Q::info.has_kl)
      return 0.0f;
    else
      return sum_components(t.n_latent,
                            [&](size_t j) { return Q::minus_kl(Outputs<Q>(t, m, j).o); });
  }

  // d += through z and by the score, of draw l; dz has the gradient of the rest for z.
  static AEVB_INLINE void add_draw(const LatentRows& t, const Outputs<Q>& outputs, size_t l,
                                   size_t j, const DrawWeights& w, Vec* d) {
    const Vec z = load(t.z + l * t.ld + j);
    Vec slope, score[kOutputs], path[kOutputs];
    Q::gradient(outputs.o, z, slope, score);
    Q::pathwise(outputs.o, NoiseOf<Q>(t, l, j).eps, z, path);
    const Vec dz = load(t.dz + l * t.ld + j) - w.density * slope;
    for (size_t i = 0; i < kOutputs; ++i) d[i] += dz * path[i] + w.score * score[i];
  }
  static void backward(const LatentRows& t, size_t m) {
    for (size_t j = 0; j < t.n_latent; j += W) {
      const Outputs<Q> outputs(t, m, j);
      Vec d[kOutputs] = {};
      if constexpr (Q::info.has_kl) {
        if (t.closed_kl) {
          Q::minus_kl_gradient(outputs.o, d);
          const Vec weight = t.kl_component_weight != nullptr ? load(t.kl_component_weight + j)
                                                              : set1(t.kl_weight);
          for (Vec& value : d) value *= weight;
        }
      }
      for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l)
        add_draw(t, outputs, l, j, t.draws[l], d);
      put(t, m, j, d);
    }
  }
  static void recognize(const LatentRows& t, size_t m) {
    for (size_t j = 0; j < t.n_latent; j += W) {
      Vec slope, d[kOutputs];
      Q::gradient(Outputs<Q>(t, m, j).o, load(t.z + m * t.ld + j), slope, d);
      put(t, m, j, d);
    }
  }
  static void moments(const LatentRows& t, size_t m, float* mean, float* deviation) {
    for (size_t j = 0; j < t.n_latent; j += W) {
      Vec mu, sd;
      Q::moments(Outputs<Q>(t, m, j).o, mu, sd);
      store_first(t.n_latent - j, mean + j, mu);
      store_first(t.n_latent - j, deviation + j, sd);
    }
  }
  static void kl(const LatentRows& t, size_t m, float* out) {
    if constexpr (Q::info.has_kl) {
      for (size_t j = 0; j < t.n_latent; j += W)
        store_first(t.n_latent - j, out + j, -Q::minus_kl(Outputs<Q>(t, m, j).o));
    }
  }

 private:
  static AEVB_INLINE void put(const LatentRows& t, size_t m, size_t j, const Vec* d) {
    for (size_t i = 0; i < kOutputs; ++i) store_first(t.n_latent - j, t.doutput(i, m) + j, d[i]);
  }
};

// The functions of all rows from those of one row, R.
template <class R>
void posterior_sample(const LatentRows& t) {
  for (size_t m = 0; m < t.rows; ++m) {
    float mean = 0.0f;  // of the draws' terms
    for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) {
      const double log_q = static_cast<double>(R::draw(t, m, l));
      const double log_p = t.prior->log_density(t.z + l * t.ld, t.n_latent);
      t.draw_term[l] = static_cast<float>(log_p - log_q);
      mean += t.draw_term[l] / static_cast<float>(t.n_draws);
    }
    t.term[m] = t.closed_kl ? R::minus_kl(t, m) : mean;
  }
}

template <class R>
void posterior_backward(const LatentRows& t) {
  for (size_t m = 0; m < t.rows; ++m) {
    for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) {
      float* dz = t.dz + l * t.ld;
      const float through = t.draws[l].through;  // if it is 0, dz may be anything
      for (size_t j = 0; j < t.n_latent; j += W)
        store(dz + j, through == 0.0f ? Vec{} : through * load(dz + j));
      if (t.draws[l].density != 0.0f)
        t.prior->add_gradient(t.draws[l].density, t.z + l * t.ld, t.n_latent, dz);
    }
    R::backward(t, m);
  }
}

template <class R>
void posterior_recognize(const LatentRows& t) {
  for (size_t m = 0; m < t.rows; ++m) R::recognize(t, m);
}

template <class R>
void posterior_log_density(const LatentRows& t) {
  for (size_t m = 0; m < t.rows; ++m) {
    for (size_t l = m * t.n_draws; l < (m + 1) * t.n_draws; ++l) {
      t.draw_term[l] = R::log_density(t, m, l);
      if (t.dz != nullptr) R::slope(t, m, l);
    }
  }
}

template <class R>
void posterior_moments(const LatentRows& t, float* mean, float* deviation) {
  for (size_t m = 0; m < t.rows; ++m) R::moments(t, m, mean + m * t.ld, deviation + m * t.ld);
}

template <class R>
void posterior_kl(const LatentRows& t, float* kl) {
  for (size_t m = 0; m < t.rows; ++m) R::kl(t, m, kl + m * t.ld);
}

template <class Q>
constexpr PosteriorKernels posterior_kernels() {
  using R = std::conditional_t<Q::info.is_factorized, Independent<Q>, Q>;
  return {Q::info,
          posterior_sample<R>,
          posterior_backward<R>,
          posterior_recognize<R>,
          posterior_log_density<R>,
          posterior_moments<R>,
          Q::info.has_kl ? posterior_kl<R> : nullptr};
}

template <class P>
void prior_add_gradient(float scale, const float* z, size_t n, float* gradient) {
  for (size_t j = 0; j < n; j += W)
    store_first(n - j, gradient + j,
                fma(set1(scale), P::gradient(load(z + j)), load(gradient + j)));
}

// Replaces the noise by draws of the prior.
template <class P>
void prior_draw(const NoiseRows& noise) {
  P::noise == LatentNoise::normal ? normal(noise) : uniform(noise);
  for (size_t r = 0; r < noise.rows; ++r) {
    float* z = noise.out + r * noise.ld;
    for (size_t j = 0; j < noise.n_cols; j += W)
      store_first(noise.n_cols - j, z + j, P::sample(load(z + j)));
    if constexpr (P::info.support == LatentSupport::simplex) {
      const float total = sum_components(noise.n_cols, [&](size_t j) { return load(z + j); });
      for (size_t j = 0; j < noise.n_cols; ++j) z[j] /= total;
    }
  }
}

template <class P>
constexpr PriorKernels prior_kernels() {
  return {P::info, P::log_constant, P::add_log_kernel, prior_add_gradient<P>, prior_draw<P>};
}

}  // namespace
}  // namespace aevb::AEVB_ISA
