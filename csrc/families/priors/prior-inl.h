// The interface of a prior: a type with
//
//   info                     its name and support (families/info.h)
//   log_constant(n)          the part of log p(z) that depends on the number of components alone
//   add_log_kernel(sum, z, n) sum + the rest of log p(z), in double
//   gradient(z)              d log p(z) / dz of one vector of components
//   noise, sample(eps)       the noise that one component is a function of, and that function; on
//                            the simplex, before the components are divided by their sum
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// The distribution of a posterior Q whose outputs are all 0.
template <class Q>
struct StandardPrior {
  static constexpr PriorInfo info = {Q::info.name, Q::info.text, Q::info.support};
  static_assert(Q::info.n_noise == 1);

  static double log_constant(size_t) { return 0.0; }
  static double add_log_kernel(double sum, const float* z, size_t n) {
    const Vec o[Q::info.n_outputs] = {};
    for (size_t j = 0; j < n; j += W) {
      float lane[W];
      store(lane, Q::log_density(o, load(z + j)));
      for (size_t i = 0; i < W && j + i < n; ++i) sum += static_cast<double>(lane[i]);
    }
    return sum;
  }
  static AEVB_INLINE Vec gradient(Vec z) {
    const Vec o[Q::info.n_outputs] = {};
    Vec dz, d[Q::info.n_outputs];
    Q::gradient(o, z, dz, d);
    return dz;
  }
  static constexpr LatentNoise noise = Q::info.noise;
  static AEVB_INLINE Vec sample(Vec eps) {
    const Vec o[Q::info.n_outputs] = {};
    return Q::sample(o, &eps);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
