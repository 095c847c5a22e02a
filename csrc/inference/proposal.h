// A Gaussian proposal for p(z|x) of one row, fitted to weighted draws.
#pragma once

#include <vector>

#include "base/sizes.h"
#include "inference/log_weights.h"
#include "kernels/kernels.h"

namespace aevb {

// The proposal N(m, L L^T). Weighted draws of an earlier proposal estimate the moments of p(z|x)
// (Cappe, Guillin, Marin, Robert 2004). The smaller the effective number of draws, the more of
// q(z|x)'s covariance is mixed in.
class GaussianProposal {
 public:
  explicit GaussianProposal(size_t dim)
      : dim_(dim), mean_(dim), factor_(dim * dim), sum_(dim), products_(dim * dim), eps_(dim) {}

  void add(double log_weight, const float* z);

  // Fits the moments to the draws that were added, and forgets those. mean and deviation are
  // q(z|x)'s. If the draws say nothing, the proposal is a Gaussian with these, widened.
  void fit(const float* mean, const float* deviation);

  // After fit(): z = m + L eps. Returns log p(z) - log N(z).
  float draw(const PriorKernels& prior, const float* eps, float* z) const;
  // After fit(): log N(z).
  double log_density(const float* z);

 private:
  size_t dim_;
  std::vector<float> mean_;
  std::vector<float> factor_;  // L (J, J), the lower triangle
  double log_determinant_ = 0.0;
  LogWeights weights_;
  std::vector<double> sum_, products_;  // of z and z z^T, relative to the largest weight
  std::vector<double> eps_;             // L^-1 (z - m)
};

}  // namespace aevb
