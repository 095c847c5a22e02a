// A Gaussian proposal for p(z|x) of one row, fitted to weighted draws.
#pragma once

#include <vector>

#include "base/sizes.h"
#include "inference/log_weights.h"

namespace aevb {

// N(m, L L^T). Draws of an earlier proposal give it the moments of p(z|x) (Cappe, Guillin, Marin,
// Robert 2004); the fewer they are, effectively, the more of q(z|x)'s covariance is mixed in.
class GaussianProposal {
 public:
  explicit GaussianProposal(size_t dim)
      : dim_(dim), mean_(dim), factor_(dim * dim), sum_(dim), products_(dim * dim) {}

  void add(double log_weight, const float* z);

  // Takes the moments of the draws that were added, and forgets them. q(z|x) is given by mean and
  // log_var; where the draws say nothing, N is q(z|x), widened.
  void fit(const float* mean, const float* log_var);

  // After fit(): z = m + L eps; log p(z) - log N(z) is returned.
  float draw(const float* eps, float* z) const;

 private:
  size_t dim_;
  std::vector<float> mean_;
  std::vector<float> factor_;  // L (J, J), the lower triangle
  double log_determinant_ = 0.0;
  LogWeights weights_;
  std::vector<double> sum_, products_;  // of z and z z^T, relative to the largest weight
};

}  // namespace aevb
