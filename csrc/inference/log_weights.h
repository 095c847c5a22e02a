// Importance weights, given by their logarithms and summed one at a time.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace aevb {

// Sums of weights and of their squares, relative to the largest weight.
class LogWeights {
 public:
  void add(double log_weight) {
    ++n_;
    if (log_weight == -std::numeric_limits<double>::infinity()) return;
    if (log_weight > largest_) {
      const double shrink = std::exp(largest_ - log_weight);
      sum_ *= shrink;
      squares_ *= shrink * shrink;
      largest_ = log_weight;
    }
    const double weight = std::exp(log_weight - largest_);
    sum_ += weight;
    squares_ += weight * weight;
  }
  double largest() const { return largest_; }   // its logarithm
  double relative_sum() const { return sum_; }  // of the weights, relative to the largest
  double log_mean() const { return largest_ + std::log(sum_ / n_); }
  // The standard error of log_mean, by the delta method; NaN for one weight.
  double std_error() const {
    return std::sqrt(std::max(0.0, n_ * squares_ / (sum_ * sum_) - 1.0) / (n_ - 1.0));
  }
  // (sum of weights)^2 / sum of squares
  double n_effective() const { return sum_ * sum_ / squares_; }

 private:
  double n_ = 0.0;
  double largest_ = -std::numeric_limits<double>::infinity();
  double sum_ = 0.0;
  double squares_ = 0.0;
};

}  // namespace aevb
