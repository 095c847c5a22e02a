// A Gaussian whose mean passes through a sigmoid, for data in (0, 1) such as the paper's Frey Face.
#pragma once

#include "families/likelihoods/gaussian.h"

namespace aevb::AEVB_ISA {
namespace {

struct BoundedGaussian {
  static constexpr LikelihoodInfo info = {"bounded-gaussian",
                                          "Gaussian with a mean in (0, 1), a sigmoid",
                                          Support::real,
                                          2,
                                          {"mean", "log_var"}};

  template <size_t N>
  static AEVB_INLINE Terms<N, 2> evaluate(const Vecs<N>& x, const Vecs<N> (&output)[2], Vec scale) {
    return gaussian_terms<BoundedGaussian>(x, output, scale);
  }

  template <size_t N>
  static AEVB_INLINE Vecs<N> mean(const Vecs<N> (&output)[2]) {
    return sigmoid(output[0]);
  }
  template <size_t N>
  static AEVB_INLINE Vecs<N> times_slope(const Vecs<N>& gradient, const Vecs<N>& m) {
    return gradient * (m * (1.0f - m));
  }

  static constexpr Noise noise = Noise::normal;
  template <size_t N>
  static AEVB_INLINE Vecs<N> draw(const Vecs<N>& mean, const Vecs<N> (&output)[2],
                                  const Vecs<N>& eps) {
    return gaussian_draw(mean, output[1], eps);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
