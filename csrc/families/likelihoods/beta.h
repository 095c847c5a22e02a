// The beta distribution with the logit of its mean m and the logarithm of its concentration c per
// column, for x in (0, 1). Its two parameters are a = c m and b = c (1 - m):
//   log p(x|z) = (a - 1) log x + (b - 1) log(1 - x) + log Gamma(c) - log Gamma(a) - log Gamma(b).
#pragma once

#include "families/likelihoods/likelihood-inl.h"
#include "families/shape-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Beta {
  static void start(double mean, double variance, double* outputs) {
    const double m = std::clamp(mean, kLeastMean, 1.0 - kLeastMean);
    outputs[0] = logit(m);
    outputs[1] = std::log(std::clamp(m * (1.0 - m) / variance - 1.0, 0.1, 1000.0));
  }

  static constexpr LikelihoodInfo info = {
      "beta",
      "beta with the logit of its mean and a log-concentration, for values in (0, 1)",
      Support::open_unit_interval,
      2,
      {"logit_mean", "log_concentration"},
      start};

  static constexpr bool is_long = true;

  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[2], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[2]) {
    Vecs<N> terms;
    for (size_t i = 0; i < N; ++i) {
      const Result one = evaluate(x.v[i], output[0].v[i], output[1].v[i]);
      terms.v[i] = one.log_p;
      for (size_t o = 0; o < 2; ++o) gradient[o].v[i] = scale * one.gradient[o];
    }
    log_p.add(terms);
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[2]) {
    Vecs<N> result;
    for (size_t i = 0; i < N; ++i) result.v[i] = sigmoid(bent_logit(output[0].v[i]).value);
    return result;
  }

  // x = g1 / (g1 + g2) of two gamma variables, kept inside (0, 1).
  static constexpr Noise noise = Noise::generator;
  static float draw(const float (&output)[2], Generator& generator) {
    const double m = output[0], c = Shape(set1(output[1])).value[0];
    const double log_1 = generator.log_gamma(c * m), log_2 = generator.log_gamma(c * (1.0 - m));
    const auto x = static_cast<float>(1.0 / (1.0 + std::exp(log_2 - log_1)));
    return std::min(std::max(x, std::numeric_limits<float>::min()), kMost);
  }

 private:
  static constexpr float kMost = 1.0f - 0x1p-24f;  // the largest float below 1
  struct Result {
    Vec log_p;
    Vec gradient[2];
  };

  // The mean stays between 1e-7 and 1 - 1e-7, so that a and b are not 0.
  static AEVB_INLINE Bent bent_logit(Vec raw) { return Bent(raw, -15.0f, 15.0f); }

  // log(part / whole), and that minus its linear part (part - whole) / whole.
  struct Ratio {
    Vec log, rest;
    AEVB_INLINE Ratio(Vec part, Vec log_part, Vec whole, Vec log_whole) {
      const Vec e = (part - whole) / whole;
      log = log_part - log_whole;
      rest = log_minus_linear(e, log);
      log = select((e >= -0.5f) & (e < 1.0f), rest + e, log);
    }
  };

  // With n = 1 - m, (a, b) times the logarithms of (x / m, (1 - x) / n) is minus c times a
  // divergence of (x, 1 - x) from (m, n). Its linear parts cancel, so they are left out. The rest
  // of log p is the gaps of the three gamma functions.
  static inline __attribute__((noinline)) Result evaluate(Vec raw_x, Vec raw_logit, Vec raw_c) {
    const Bent q = bent_logit(raw_logit);
    const Shape c(raw_c);
    const Vec e = exp_minus_abs(q.value), log_sum = log1p(e);
    const Ints is_high = q.value >= 0.0f;
    const Vec larger = 1.0f / (1.0f + e), smaller = e * larger;
    const Vec m = select(is_high, larger, smaller), n = select(is_high, smaller, larger);
    const Vec log_m = min(set1(0.0f), q.value) - log_sum;
    const Vec log_n = min(set1(0.0f), -q.value) - log_sum;

    const Vec x = min(set1(kMost), raw_x), rest = 1.0f - x;
    const Vec log_x = log(x), log_rest = log(rest) + ((1.0f - rest) - x) / rest;
    const Ratio of_x(x, log_x, m, log_m), of_rest(rest, log_rest, n, log_n);
    const Vec divergence = m * of_x.rest + n * of_rest.rest;

    const Vec a = c.value * m, log_a = c.log + log_m;
    const Vec b = c.value * n, log_b = c.log + log_n;
    const Vec slope_a = digamma_gap(a, log_a), slope_b = digamma_gap(b, log_b);
    const Vec gaps = stirling_gap(a, log_a) + stirling_gap(b, log_b) - stirling_gap(c.value, c.log);
    Result result;
    result.log_p = fma(c.value, divergence, gaps) - log_x - log_rest;
    result.gradient[0] =
        q.slope * c.value * m * n * ((of_x.log - of_rest.log) + (slope_a - slope_b));
    result.gradient[1] = c.slope * c.value *
                         (divergence + (m * slope_a + n * slope_b - digamma_gap(c.value, c.log)));
    return result;
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
