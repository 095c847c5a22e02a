// Draws of gamma variables with the shapes of families/shape-inl.h, for the posteriors that are
// made of them.
#pragma once

#include "families/posteriors/posterior-inl.h"
#include "families/shape-inl.h"
#include "simd/gamma-inl.h"

namespace aevb::AEVB_ISA {
namespace {

constexpr float kLeastLatent = 8.75651076e-27f;  // e^-kMostLog
constexpr float kMostLatent = 1.14200739e26f;

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
