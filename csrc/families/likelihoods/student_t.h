// Student's t with a location m and a log-scale s per column, and degrees of freedom nu that are
// constant in z. With t = (x - m) e^-s,
//   log p(x|z) = log Gamma((nu + 1) / 2) - log Gamma(nu / 2) - log(nu pi) / 2 - s
//                - (nu + 1) / 2 log(1 + t^2 / nu).
// nu = 2 + a shape (families/shape-inl.h) is between 2.001 and 10 002, so x has a finite variance.
#pragma once

#include "families/likelihoods/laplace.h"
#include "families/shape-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct StudentT {
  static void start(double mean, double variance, double* outputs) {
    constexpr double kDof = 10.0;
    outputs[0] = mean;
    outputs[1] = raw_above_floor(0.5 * std::log(variance * (kDof - 2.0) / kDof), kLogScaleFloor);
    outputs[2] = std::log(kDof - 2.0);
  }

  static constexpr LikelihoodInfo info = {"student-t",
                                          "Student's t, for values with outliers",
                                          Support::real,
                                          3,
                                          {"location", "log_scale", "log_dof"},
                                          start,
                                          1};

  static constexpr bool is_long = true;

  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[3], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[3]) {
    Vecs<N> terms;
    for (size_t i = 0; i < N; ++i) {
      const Result one = evaluate(x.v[i], output[0].v[i], output[1].v[i], output[2].v[i]);
      terms.v[i] = one.log_p;
      for (size_t o = 0; o < 3; ++o) gradient[o].v[i] = scale * one.gradient[o];
    }
    log_p.add(terms);
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[3]) {
    return output[0];
  }
  static constexpr bool mean_is_output = true;

  // A normal variable over the root of a mean of nu squares of such variables.
  static constexpr Noise noise = Noise::generator;
  static float draw(const float (&output)[3], Generator& generator) {
    const double s = smooth_floor(set1(output[1]), kLogScaleFloor).value[0];
    const double half_nu = 1.0 + 0.5 * static_cast<double>(Shape(set1(output[2])).value[0]);
    const double normal = generator.normal();
    const double log_mean_square = generator.log_gamma(half_nu) - std::log(half_nu);
    return static_cast<float>(output[0] + std::exp(s - 0.5 * log_mean_square) * normal);
  }

 private:
  struct Result {
    Vec log_p;
    Vec gradient[3];
  };

  // With q^2 = t^2 / nu and h = q^2 / (1 + q^2), log(1 + q^2) = h + rest. The derivative by nu
  // needs the small rest alone. Where q^2 might overflow, 1 + q^2 is q^2, and h is 1.
  static inline __attribute__((noinline)) Result evaluate(Vec x, Vec m, Vec raw_s, Vec raw_nu) {
    constexpr float kHalfLogTwoPi = 0.918938533f;
    const auto [s, slope] = smooth_floor(raw_s, kLogScaleFloor);
    const Shape above_2(raw_nu);
    const Vec nu = above_2.value + 2.0f, r = 1.0f / nu;
    const Vec inverse_scale = exp(-s);
    const Vec t = (x - m) * inverse_scale;
    const Vec square = t * t * r;
    const Ints is_far = square > 1e8f;
    const Vec p = 1.0f / (1.0f + square);
    const Vec h = select(is_far, set1(1.0f), square * p);
    const Vec log_sum = log(select(is_far, max(t, -t) * sqrt(r), 1.0f + square));
    const Vec rest = -log_minus_linear(-h, select(is_far, -2.0f * log_sum, -log_sum));
    const Vec half = 0.5f * nu, nu_1 = nu + 1.0f;
    Result result;
    result.log_p = half_step_gap(half) - kHalfLogTwoPi - s - 0.5f * nu_1 * (h + rest);
    result.gradient[0] = nu_1 * inverse_scale * select(is_far, 1.0f / t, t * p * r);
    result.gradient[1] = (nu_1 * h - 1.0f) * slope;
    result.gradient[2] =
        0.5f * above_2.value * above_2.slope * (half_step_slope(half) + r * h - rest);
    return result;
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
