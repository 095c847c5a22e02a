// A Gaussian of log x with a mean m and a log-variance v per column, for x > 0: log p(x|z) = log
// N(log x; m, e^v) - log x.
#pragma once

#include "families/likelihoods/gaussian.h"

namespace aevb::AEVB_ISA {
namespace {

struct LogNormal {
  static void start(double mean, double variance, double* outputs) {
    const double m = std::max(mean, kLeastPositive);
    const double v = std::log1p(variance / (m * m));
    outputs[0] = std::log(m) - 0.5 * v;
    outputs[1] = raw_log_var(v);
  }

  static constexpr LikelihoodInfo info = {
      "log-normal",        "Gaussian of log x per feature, for values above 0",
      Support::positive,   2,
      {"mean", "log_var"}, start};

  static constexpr bool is_long = true;

  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[2], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[2]) {
    const auto log_x = log(x);
    evaluate_gaussian<Gaussian>(log_x, output, scale, log_p, gradient);
    log_p.add(-log_x);
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[2]) {
    return exp(fma(set1(0.5f), variance(output), output[0]));
  }

  // The mean of log x is log E[x] - e^v / 2.
  static constexpr Noise noise = Noise::normal;
  template <size_t N>
  static AEVB_INLINE Vecs<N> draw(const Vecs<N>& mean, const Vecs<N> (&output)[2],
                                  const Vecs<N>& eps) {
    const auto v = variance(output);
    return exp(fma(sqrt(v), eps, log(mean) - 0.5f * v));
  }

 private:
  template <size_t N>
  static AEVB_INLINE Vecs<N> variance(const Vecs<N> (&output)[2]) {
    return exp(smooth_floor(output[1], kLogVarFloor).value);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
