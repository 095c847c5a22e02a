// The values of all weights, the optimizer's accumulators, and what a weight posterior has beside
// its means: one arena per role, all in the same layout.
#pragma once

#include <array>

#include "nn/dense.h"

namespace aevb {

enum class Role : uint8_t {
  value,  // the weights, or the means of their posterior
  state1,
  state2,  // the optimizer's accumulators
  log_sd,  // of the posterior, with accumulators of its own
  log_sd_state1,
  log_sd_state2,
  prior_mean,  // the prior of each weight, if it is not N(0, 1 / weight_decay)
  prior_log_sd
};
inline constexpr Role kRoles[] = {Role::value,      Role::state1,        Role::state2,
                                  Role::log_sd,     Role::log_sd_state1, Role::log_sd_state2,
                                  Role::prior_mean, Role::prior_log_sd};

class Parameters {
 public:
  Parameters() = default;
  // All zero.
  Parameters(size_t size, size_t n_states, bool with_posterior) : size_(size) {
    for (size_t i = 0; i <= n_states; ++i) {
      allocate(kRoles[i]);
      if (with_posterior) allocate(kRoles[static_cast<size_t>(Role::log_sd) + i]);
    }
  }

  size_t size() const { return size_; }
  void allocate(Role role) { array(role) = Buffer<float>(size_); }
  // Null if the model has no such arena.
  float* data(Role role) { return array(role).data(); }
  const float* data(Role role) const { return array(role).data(); }
  const Buffer<float>& array(Role role) const { return arrays_[static_cast<size_t>(role)]; }
  Buffer<float>& array(Role role) { return arrays_[static_cast<size_t>(role)]; }
  Arena arena() {
    return {data(Role::value),      data(Role::state1),        data(Role::state2),
            data(Role::log_sd),     data(Role::log_sd_state1), data(Role::log_sd_state2),
            data(Role::prior_mean), data(Role::prior_log_sd)};
  }

  // Whether no value of a range is infinite or NaN, in any role.
  bool finite(Range range) const;

 private:
  size_t size_ = 0;
  std::array<Buffer<float>, std::size(kRoles)> arrays_;
};

// Whether none of n values is infinite or NaN.
bool all_finite(const float* values, size_t n);

}  // namespace aevb
