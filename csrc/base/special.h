// log Gamma(x) of a double. (lgamma of the C library writes a global variable.)
#pragma once

#include <cmath>

namespace aevb {
namespace {  // included under the flags of several instruction sets

// For x > 0, with an error of at most 1e-14 times the larger of itself and 1. Stirling's series
// needs y >= 10; the logarithm of x (x + 1) ... (y - 1) is subtracted.
inline double log_gamma(double x) {
  constexpr double kHalfLogTwoPi = 0.91893853320467274178;
  double y = x, product = 1.0;
  for (int i = 0; i < 10 && y < 10.0; ++i, y += 1.0) product *= y;
  const double r = 1.0 / y, s = r * r;
  const double series =
      r * (1.0 / 12 -
           s * (1.0 / 360 - s * (1.0 / 1260 -
                                 s * (1.0 / 1680 -
                                      s * (1.0 / 1188 - s * (691.0 / 360360 - s * (1.0 / 156)))))));
  return (y - 0.5) * (std::log(y) - 1.0) + (kHalfLogTwoPi - 0.5) + series - std::log(product);
}

}  // namespace
}  // namespace aevb
