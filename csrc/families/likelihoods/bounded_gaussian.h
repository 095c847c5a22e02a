// A Gaussian whose mean passes through a sigmoid, for data in (0, 1) such as the paper's Frey Face.
#pragma once

#include "families/likelihoods/gaussian.h"

namespace aevb::AEVB_ISA {
namespace {

struct BoundedGaussian : Gaussian {
  static void start(double mean, double variance, double* outputs) {
    outputs[0] = logit(mean);
    outputs[1] = raw_log_var(variance);
  }

  static constexpr LikelihoodInfo info = {
      "bounded-gaussian",  "Gaussian with a mean in (0, 1), a sigmoid",
      Support::real,       2,
      {"mean", "log_var"}, start};

  template <size_t N, class LogP>
  static AEVB_INLINE void evaluate(const Vecs<N>& x, const Vecs<N> (&output)[2], Vec scale,
                                   const LogP& log_p, Vecs<N> (&gradient)[2]) {
    evaluate_gaussian<BoundedGaussian>(x, output, scale, log_p, gradient);
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[2]) {
    return sigmoid(output[0]);
  }
  template <size_t N>
  static AEVB_INLINE Vecs<N> times_slope(const Vecs<N>& gradient, const Vecs<N>& m) {
    return gradient * (m * (1.0f - m));
  }
  static constexpr bool mean_is_output = false;
};

}  // namespace
}  // namespace aevb::AEVB_ISA
