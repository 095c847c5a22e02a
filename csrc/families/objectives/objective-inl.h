// The interface of an objective: a type with
//
//   info                            its name, and how the bound is made (families/info.h)
//   add_draw<Q, P>(draw, d)         adds one draw's gradient for the encoder's outputs to d
//   add_row<Q, P>(kl_weight, mu, log_var, d)
//                                   adds the row's gradient that does not depend on a draw to d
//
// where Q is the posterior and P the prior.
#pragma once

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
  float f;  // log p(x, z) - log q(z|x), if it does not
};

// The gradient for the encoder's outputs.
struct HeadGradient {
  Vec mu, log_var;
};

}  // namespace
}  // namespace aevb::AEVB_ISA
