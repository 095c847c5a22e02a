// The shapes of gamma variables, and functions of these, for the families that are made of gamma
// variables.
#pragma once

#include "simd/special-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// An output of a network that is taken as it is in [low, high]. Beyond, it bends: high + t / (1 +
// t) at the distance t above, and so below. It stays within a distance of 1 of the interval, and
// has a gradient everywhere.
struct Bent {
  Vec value;
  Vec slope;  // d value / d raw

  AEVB_INLINE Bent(Vec raw, float low, float high) {
    const Vec above = 1.0f / (1.0f + max(set1(0.0f), raw - high));
    const Vec below = 1.0f / (1.0f + max(set1(0.0f), low - raw));
    value = min(set1(high), max(set1(low), raw)) + (below - above);
    slope = above * above * below * below;
  }
};

// A shape from an output of a network: alpha = e^raw for raw in [-5.9, 8.2], about 0.003 to 3600.
// Beyond, log alpha bends. The shape stays within [1e-3, 1e4], where draws and their derivatives
// are accurate.
struct Shape {
  Vec value, log;
  Vec slope;  // d log alpha / d raw

  explicit AEVB_INLINE Shape(Vec raw) {
    const Bent bent(raw, -5.9f, 8.2f);
    log = bent.value;
    value = exp(log);
    slope = bent.slope;
  }
};

// a log a - a - log Gamma(a). For large a the three terms cancel; from 3.5 on it is minus
// Stirling's series, as in log_gamma.
inline __attribute__((noinline)) Vec stirling_gap(Vec a, Vec log_a) {
  const Vec r = 1.0f / a;
  const Vec series = r * polynomial(r * r, {-1.0f / 1680, 1.0f / 1260, -1.0f / 360, 1.0f / 12});
  return select(a >= 3.5f, fma(set1(0.5f), log_a, -0.918938533f - series),
                fma(a, log_a - 1.0f, -log_gamma(a)));
}

// log a - digamma(a). From 5 on it is the series that digamma subtracts.
inline __attribute__((noinline)) Vec digamma_gap(Vec a, Vec log_a) {
  const Vec r = 1.0f / a, s = r * r;
  const Vec series = s * polynomial(s, {1.0f / 252, -1.0f / 120, 1.0f / 12});
  return select(a >= 5.0f, fma(set1(0.5f), r, series), log_a - digamma(a));
}

}  // namespace
}  // namespace aevb::AEVB_ISA
