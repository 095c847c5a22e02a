// A Gaussian with a mean m and a log-variance v per column, appendix C.2:
// log p(x|z) = -1/2 [log 2 pi + v + (x - m)^2 e^-v].
#pragma once

#include "families/likelihoods/likelihood-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// v = floor + softplus(raw - floor). Without a floor the density is unbounded as its variance goes
// to 0. A log-variance of -10 is a standard deviation of 0.0067: 1.7 grey levels of 8-bit pixels in
// [0, 1].
inline constexpr float kLogVarFloor = -10.0f;

// `Likelihood` gives m and its derivative.
template <class Likelihood, size_t N, class LogP>
AEVB_INLINE void evaluate_gaussian(const Vecs<N>& x, const Vecs<N> (&output)[2], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[2]) {
  constexpr float kLog2Pi = 1.8378770664093453f;
  const auto [v, slope] = smooth_floor(output[1], kLogVarFloor);
  const auto m = Likelihood::mean(output);
  const auto error = x - m;
  const auto precision = exp(-v);
  const auto square = error * error * precision;
  log_p.add(-0.5f * (kLog2Pi + v + square));
  gradient[0] = Likelihood::times_slope(scale * error * precision, m);
  gradient[1] = scale * 0.5f * (square - 1.0f) * slope;
}

// The linear output whose log-variance is that of a variance.
inline double raw_log_var(double variance) {
  return raw_above_floor(std::log(variance), kLogVarFloor);
}

struct Gaussian {
  static void start(double mean, double variance, double* outputs) {
    outputs[0] = mean;
    outputs[1] = raw_log_var(variance);
  }

  static constexpr LikelihoodInfo info = {
      "gaussian",          "Gaussian with a mean and a log-variance per feature",
      Support::real,       2,
      {"mean", "log_var"}, start};

  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[2], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[2]) {
    evaluate_gaussian<Gaussian>(x, output, scale, log_p, gradient);
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[2]) {
    return output[0];
  }
  // gradient * dm/d(output)
  template <size_t N>
  static AEVB_INLINE Vecs<N> times_slope(const Vecs<N>& gradient, const Vecs<N>&) {
    return gradient;
  }

  static constexpr bool mean_is_output = true;

  static constexpr Noise noise = Noise::normal;
  template <size_t N>
  static AEVB_INLINE Vecs<N> draw(const Vecs<N>& mean, const Vecs<N> (&output)[2],
                                  const Vecs<N>& eps) {
    const auto v = smooth_floor(output[1], kLogVarFloor).value;
    return fma(exp(0.5f * v), eps, mean);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
