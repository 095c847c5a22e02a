#include "inference/proposal.h"

#include <algorithm>
#include <cmath>

namespace aevb {
namespace {

// The proposal's covariance is this much wider than the moments: weights are bounded only if q(z)
// has the heavier tails.
constexpr double kInflation = 1.3;

// Weights, relative to the largest, that are too small to change the moments.
constexpr double kNothing = 1e-12;

// Replaces a (n, n), a symmetric matrix given by its lower triangle, by its Cholesky factor.
// Returns the logarithm of the factor's determinant, or NaN if a is not positive definite.
double factorize(double* a, size_t n) {
  double log_determinant = 0.0;
  for (size_t i = 0; i < n; ++i) {
    double* row = a + i * n;
    for (size_t j = 0; j <= i; ++j) {
      double rest = row[j];
      for (size_t k = 0; k < j; ++k) rest -= row[k] * a[j * n + k];
      row[j] = i == j ? std::sqrt(rest) : rest / a[j * n + j];
    }
    log_determinant += std::log(row[i]);
  }
  return log_determinant;
}

}  // namespace

void GaussianProposal::add(double log_weight, const float* z) {
  const double before = weights_.largest();
  weights_.add(log_weight);
  const double weight = std::exp(log_weight - weights_.largest());
  if (!(weight > kNothing)) return;  // also NaN, if all weights were 0
  if (weights_.largest() > before) {
    const double shrink = std::exp(before - weights_.largest());
    for (double& value : sum_) value *= shrink;
    for (double& value : products_) value *= shrink;
  }
  for (size_t i = 0; i < dim_; ++i) {
    const double scaled = weight * double{z[i]};
    sum_[i] += scaled;
    double* row = products_.data() + i * dim_;
    for (size_t j = 0; j <= i; ++j) row[j] += scaled * double{z[j]};
  }
}

void GaussianProposal::fit(const float* mean, const float* deviation) {
  const auto variance = [&](size_t i) { return double{deviation[i]} * double{deviation[i]}; };
  const double total = weights_.relative_sum();
  const auto dim = static_cast<double>(dim_);
  const double unknown = dim / (dim + weights_.n_effective());
  for (double& value : sum_) value /= total;
  for (size_t i = 0; i < dim_; ++i) {
    double* row = products_.data() + i * dim_;
    for (size_t j = 0; j <= i; ++j)
      row[j] = kInflation * (1.0 - unknown) * (row[j] / total - sum_[i] * sum_[j]);
    row[i] += kInflation * unknown * variance(i);
  }
  log_determinant_ = factorize(products_.data(), dim_);
  if (!std::isfinite(log_determinant_)) {  // no weight was positive and finite, or all z were equal
    std::copy_n(mean, dim_, sum_.begin());
    std::fill(products_.begin(), products_.end(), 0.0);
    for (size_t i = 0; i < dim_; ++i) products_[i * dim_ + i] = kInflation * variance(i);
    log_determinant_ = factorize(products_.data(), dim_);
  }
  const auto to_float = [](double value) { return static_cast<float>(value); };
  std::transform(sum_.begin(), sum_.end(), mean_.begin(), to_float);
  std::transform(products_.begin(), products_.end(), factor_.begin(), to_float);

  weights_ = {};
  std::fill(sum_.begin(), sum_.end(), 0.0);
  std::fill(products_.begin(), products_.end(), 0.0);
}

float GaussianProposal::draw(const PriorKernels& prior, const float* eps, float* z) const {
  double squares = 0.0;  // of eps
  for (size_t i = 0; i < dim_; ++i) {
    const float* row = factor_.data() + i * dim_;
    float sum = mean_[i];
    for (size_t j = 0; j <= i; ++j) sum += row[j] * eps[j];
    z[i] = sum;
    squares += double{eps[i]} * double{eps[i]};
  }
  const double log_q = -0.5 * squares - kHalfLog2Pi * static_cast<double>(dim_) - log_determinant_;
  return static_cast<float>(prior.log_density(z, dim_) - log_q);
}

double GaussianProposal::log_density(const float* z) {
  double squares = 0.0;  // of eps
  for (size_t i = 0; i < dim_; ++i) {
    const float* row = factor_.data() + i * dim_;
    double rest = double{z[i]} - double{mean_[i]};
    for (size_t j = 0; j < i; ++j) rest -= double{row[j]} * eps_[j];
    eps_[i] = rest / double{row[i]};
    squares += eps_[i] * eps_[i];
  }
  return -0.5 * squares - kHalfLog2Pi * static_cast<double>(dim_) - log_determinant_;
}

}  // namespace aevb
