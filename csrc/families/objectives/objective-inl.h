// The interface of an objective: a type with
//
//   info                            its name, and how draws of z make a bound (families/info.h)
//
// and, if the posterior and prior of the paper have a kernel of their own for it,
//
//   add_draw<Q, P>(draw, d)         adds one draw's gradient for the encoder's outputs to d
//   add_row<Q, P>(kl_weight, mu, log_var, d)
//                                   adds the row's gradient that does not depend on a draw to d
//
// where Q is the posterior and P the prior.
#pragma once

#include <algorithm>
#include <cmath>

#include "families/info.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// A vector of components of z, of one of L draws.
struct Draw {
  Vec mu, log_var, eps;
  Vec dz;        // gradient of log p(x|z) / L, if the objective differentiates z
  float weight;  // 1 / L
  float kl_weight;
  float f;  // log p(x|z) + kl_weight [log p(z) - log q(z|x)], if it does not
};

// The gradient for the encoder's outputs.
struct HeadGradient {
  Vec mu, log_var;
};

// The weights of the draws in the gradient of sum_l c_l log w_l, where log w_l = log p(x, z_l) -
// log q(z_l|x) and z_l is a function of the noise.
inline void weigh_draw(double c, float kl_weight, DrawWeights& draw) {
  const auto weight = static_cast<float>(c);
  draw = {.term = weight, .density = kl_weight * weight, .score = -kl_weight * weight};
}

// The log-sum-exp of n values.
inline double log_sum_exp(const double* values, size_t n) {
  const double largest = *std::max_element(values, values + n);
  if (!std::isfinite(largest)) return largest;
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += std::exp(values[i] - largest);
  return largest + std::log(sum);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
