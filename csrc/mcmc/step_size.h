// Adaptation of HMC's step size to a target acceptance.
#pragma once

#include <array>
#include <cmath>
#include <vector>

#include "base/sizes.h"

namespace aevb {

enum class Adaptation : uint8_t { dual_averaging, multiplicative };

// One step size under adaptation.
class StepSize {
 public:
  StepSize(Adaptation rule, double target, double initial)
      : rule_(rule), target_(target), log_step_(std::log(initial)), log_start_(log_step_) {}

  double value() const { return std::exp(log_step_); }

  // The state of the adaptation, for a checkpoint.
  std::array<double, 5> state() const {
    return {log_step_, error_, log_mean_, static_cast<double>(n_), has_met_ ? 1.0 : 0.0};
  }
  void set_state(const std::array<double, 5>& state) {
    log_step_ = state[0];
    error_ = state[1];
    log_mean_ = state[2];
    n_ = static_cast<int>(state[3]);
    has_met_ = state[4] != 0.0;
  }

  // Adapts the step size after a transition with this acceptance probability.
  void adapt(double acceptance) {
    ++n_;
    if (rule_ == Adaptation::multiplicative) {
      // The change is proportional to the miss, so the mean, not the median, meets the target. The
      // gain is larger at the beginning, and until the target has been met once.
      const double miss = acceptance - target_;
      has_met_ = has_met_ || (n_ > 1 && std::signbit(miss) != std::signbit(error_));
      error_ = miss;
      log_step_ += (n_ <= kFastSteps || !has_met_ ? kFastGain : kSlowGain) * miss;
      return;
    }
    // Hoffman and Gelman 2014, section 3.2, with their constants. The step size is drawn towards
    // ten times the initial one.
    const double n = n_;
    error_ += (target_ - acceptance - error_) / (n + kDelay);
    log_step_ = log_start_ + std::log(10.0) - std::sqrt(n) / kShrinkage * error_;
    const double weight = std::pow(n, -kForgetting);
    log_mean_ += weight * (log_step_ - log_mean_);
  }

  // Ends the adaptation. Dual averaging keeps the mean of its step sizes.
  void freeze() {
    if (rule_ == Adaptation::dual_averaging && n_ > 0) log_step_ = log_mean_;
  }

 private:
  static constexpr double kDelay = 10.0;       // t_0
  static constexpr double kShrinkage = 0.05;   // gamma
  static constexpr double kForgetting = 0.75;  // kappa
  static constexpr double kFastGain = 0.5;
  static constexpr double kSlowGain = 0.1;
  static constexpr int kFastSteps = 30;

  Adaptation rule_;
  double target_;
  double log_step_;
  double log_start_;
  double error_ = 0.0;
  double log_mean_ = 0.0;
  int n_ = 0;
  bool has_met_ = false;
};

}  // namespace aevb
