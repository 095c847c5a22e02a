#include "model/parameters.h"

#include <bit>

namespace aevb {

bool all_finite(const float* values, size_t n) {
  // inf and NaN have an exponent of all ones. Integer arithmetic allows the compiler to vectorise
  // the reduction.
  uint32_t found = 0;
  for (size_t i = 0; i < n; ++i) {
    const uint32_t exponent = std::bit_cast<uint32_t>(values[i]) & 0x7f800000u;
    found |= exponent == 0x7f800000u ? 1u : 0u;
  }
  return found == 0;
}

bool Parameters::finite(Range range) const {
  bool finite = true;
  for (const Role role : kRoles) {
    if (data(role) == nullptr) continue;
    finite = finite && (range.empty() || all_finite(data(role) + range.begin, range.size()));
  }
  return finite;
}

}  // namespace aevb
