// The shapes of gamma variables, and functions of these, for the posteriors that are made of gamma
// variables.
#pragma once

#include "families/posteriors/posterior-inl.h"
#include "simd/gamma-inl.h"

namespace aevb::AEVB_ISA {
namespace {

constexpr float kLeastLatent = 8.75651076e-27f;  // e^-kMostLog
constexpr float kMostLatent = 1.14200739e26f;

// A shape from an output of the encoder: alpha = e^raw for raw in [-5.9, 8.2], about 0.003 to 3600.
// Beyond, log alpha bends: b + t / (1 + t) at the distance t above the bound b, and so below. The
// shape stays within [1e-3, 1e4], where draws and their derivatives are accurate, and has a
// gradient everywhere.
struct Shape {
  Vec value, log;
  Vec slope;  // d log alpha / d raw

  explicit AEVB_INLINE Shape(Vec raw) {
    constexpr float kLow = -5.9f, kHigh = 8.2f;
    const Vec above = 1.0f / (1.0f + max(set1(0.0f), raw - kHigh));
    const Vec below = 1.0f / (1.0f + max(set1(0.0f), kLow - raw));
    log = min(set1(kHigh), max(set1(kLow), raw)) + (below - above);
    value = exp(log);
    slope = above * above * below * below;
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

inline __attribute__((noinline)) Vec trigamma_of(Vec a) { return trigamma(a); }

// log z and its derivative by log alpha, at fixed noise, where z ~ Gamma(alpha, 1).
AEVB_INLINE Vec draw_log_gamma(const Vec* noise, const Shape& shape) {
  const Vec u[4] = {noise[0], noise[1], noise[2], noise[3]};
  Vec log_z;
  sample_gamma(u, shape.value, log_z);
  return log_z;
}
AEVB_INLINE Vec log_gamma_slope(const Shape& shape, Vec log_z) {
  return shape.value * gamma_sensitivity(shape.value, log_z);
}

// A positive z from its logarithm, within these bounds; then z where it moves with log z, else 0.
AEVB_INLINE Vec positive_latent(Vec log_z) {
  return min(set1(kMostLatent), max(set1(kLeastLatent), exp(log_z)));
}
AEVB_INLINE Vec moving(Vec z) { return select((z > kLeastLatent) & (z < kMostLatent), z, Vec{}); }

}  // namespace
}  // namespace aevb::AEVB_ISA
