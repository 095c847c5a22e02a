// p(z) for code that is compiled once. The kernels use the other type of the same name in
// families/priors/.
#pragma once

#include "families/priors/all.h"
#include "kernels/kernels.h"

namespace aevb {

// The prior of every model.
using Prior = StandardNormal;

// log p(z) of n components.
inline double log_prior(const float* z, size_t n) {
  return Prior::add_log_kernel(Prior::log_constant(n), z, n);
}

// Draws z into noise.out, one per row.
inline void draw_prior(const Kernels& k, const NoiseRows& noise) { k.normal(noise); }

}  // namespace aevb
