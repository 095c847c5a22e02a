// log p(z), its gradient and its draws, for code that is compiled once. The kernels use the other
// type of the same name in families/priors/.
#pragma once

#include "families/priors/all.h"
#include "kernels/kernels.h"

namespace aevb {

struct Prior {
  double (*log_constant)(size_t n);
  double (*add_log_kernel)(double sum, const float* z, size_t n);
  void (*add_gradient)(const float* z, size_t n, float* gradient);
  void (*from_noise)(float* z, size_t n);

  double log_density(const float* z, size_t n) const {
    return add_log_kernel(log_constant(n), z, n);
  }
  // Draws z into noise.out, one per row.
  void draw(const Kernels& k, const NoiseRows& noise) const {
    k.normal(noise);
    for (size_t r = 0; r < noise.rows; ++r) from_noise(noise.out + r * noise.ld, noise.n_cols);
  }
};

// The prior of every model.
inline Prior prior() {
  using Member = StandardNormal;
  return {Member::log_constant, Member::add_log_kernel, Member::add_gradient, Member::from_noise};
}

}  // namespace aevb
