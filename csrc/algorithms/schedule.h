// The settings of each step: the learning rate, and the weight of the KL divergence.
#pragma once

#include "algorithms/slice.h"
#include "engine/pass.h"

namespace aevb {

// The settings of a slice's minibatches, which are counted from `first`.
class Schedule {
 public:
  Schedule(const Config& config, const EpochSlice& slice, uint64_t first)
      : settings_{config.learning_rate, config.kl_weight}, slice_(slice), first_(first) {}
  StepSettings at(uint64_t minibatch) const {
    StepSettings settings = settings_;
    const uint64_t i = minibatch - first_;
    if (i < slice_.rate_factors.size()) settings.learning_rate *= slice_.rate_factors[i];
    if (i < slice_.kl_factors.size()) settings.kl_weight *= slice_.kl_factors[i];
    return settings;
  }

 private:
  StepSettings settings_;
  const EpochSlice& slice_;
  uint64_t first_;
};

}  // namespace aevb
