// The interface of a likelihood of variables with levels: a type with
//
//   info                          as for the others, with Support::levels, widths and start_levels
//   evaluate(variable, scale)     returns log p(x|z) of one variable, and replaces its outputs by
//                                 the gradient of scale * log p(x|z)
//   probabilities(variable)       replaces output[0], n values, by the probabilities of the levels
#pragma once

#include <cmath>

#include "families/info.h"
#include "families/likelihoods/likelihood-inl.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// One variable of one row.
struct Variable {
  size_t n;                     // levels
  const float* x;               // (n,): 1 for the level that it has
  float* output[kMostOutputs];  // its part of each output
};

// The first n <= W values, and `otherwise` in the other lanes.
AEVB_INLINE Vec load_first(size_t n, const float* p, float otherwise) {
  if (n >= W) return load(p);
  float lane[W];
  for (size_t i = 0; i < W; ++i) lane[i] = i < n ? p[i] : otherwise;
  return load(lane);
}

// The share of a level for starting outputs: none has the logarithm of 0.
inline double level_share(double share) { return std::max(share, kLeastMean); }

}  // namespace
}  // namespace aevb::AEVB_ISA
