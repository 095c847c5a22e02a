// The settings of each step: the learning rate, and the weight of the KL divergence.
#pragma once

#include "engine/pass.h"

namespace aevb {

// The same settings for every step.
class Schedule {
 public:
  explicit Schedule(const Config& config) : settings_{config.learning_rate} {}
  StepSettings at(uint64_t /*step*/) const { return settings_; }

 private:
  StepSettings settings_;
};

}  // namespace aevb
