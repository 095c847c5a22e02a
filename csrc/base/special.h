// Special functions of a double, for x > 0. (lgamma of the C library writes a global variable.)
#pragma once

#include <cmath>

namespace aevb {
namespace {  // included under the flags of several instruction sets

// log Gamma(x), with an error of at most 1e-14 times the larger of itself and 1. Stirling's series
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

// The derivative of log Gamma(x), by the same method and with the same bound.
inline double digamma(double x) {
  double y = x, sum = 0.0;
  for (int i = 0; i < 10 && y < 10.0; ++i, y += 1.0) sum += 1.0 / y;
  const double r = 1.0 / y, s = r * r;
  const double series =
      s * (1.0 / 12 -
           s * (1.0 / 120 -
                s * (1.0 / 252 -
                     s * (1.0 / 240 - s * (1.0 / 132 - s * (691.0 / 32760 - s * (1.0 / 12)))))));
  return std::log(y) - 0.5 * r - series - sum;
}

}  // namespace
}  // namespace aevb
