// The values of all weights and the optimizer's accumulators: one arena per role, all in the same
// layout.
#pragma once

#include <array>

#include "nn/dense.h"

namespace aevb {

enum class Role : uint8_t { value, state1, state2 };  // the weights; the optimizer's accumulators
inline constexpr Role kRoles[] = {Role::value, Role::state1, Role::state2};

class Parameters {
 public:
  Parameters() = default;
  // All zero.
  Parameters(size_t size, size_t n_states) : size_(size) {
    for (const Role role : kRoles) {
      if (static_cast<size_t>(role) <= n_states) array(role) = Buffer<float>(size);
    }
  }

  size_t size() const { return size_; }
  // Null if the optimizer has no such accumulator.
  float* data(Role role) { return array(role).data(); }
  const float* data(Role role) const { return array(role).data(); }
  const Buffer<float>& array(Role role) const { return arrays_[static_cast<size_t>(role)]; }
  Buffer<float>& array(Role role) { return arrays_[static_cast<size_t>(role)]; }
  Arena arena() { return {data(Role::value), data(Role::state1), data(Role::state2)}; }

  // Whether no value of a range is infinite or NaN, in any role.
  bool finite(Range range) const;

 private:
  size_t size_ = 0;
  std::array<Buffer<float>, std::size(kRoles)> arrays_;
};

// Whether none of n values is infinite or NaN.
bool all_finite(const float* values, size_t n);

}  // namespace aevb
