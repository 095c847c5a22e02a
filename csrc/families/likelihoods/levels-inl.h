// The interface of a likelihood of columns that have one distribution: the levels of a variable, or
// all columns of a multinomial. It is a type with
//
//   info                          as for the others. With levels: Support::levels, widths and
//                                 start_levels; else is_joint
//   evaluate(variable, scale)     returns log p(x|z) of one variable, and replaces its outputs by
//                                 the gradient of scale * log p(x|z)
//   probabilities(variable)       replaces output[0], n values, by the probabilities of the levels
#pragma once

#include <cmath>
#include <limits>

#include "families/info.h"
#include "families/likelihoods/likelihood-inl.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// One variable of one row.
struct Variable {
  size_t n;                     // columns: its levels
  const float* x;               // (n,): 1 for the level that it has, or counts
  float* output[kMostOutputs];  // its part of each output
};

// The first n <= W values, and `otherwise` in the other lanes.
AEVB_INLINE Vec load_first(size_t n, const float* p, float otherwise) {
  if (n >= W) return load(p);
  float lane[W];
  for (size_t i = 0; i < W; ++i) lane[i] = i < n ? p[i] : otherwise;
  return load(lane);
}

struct Softmax {
  float largest, log_sum, inverse;  // of the logits; of the sum of e^(a - largest); 1 / that sum
};

inline constexpr float kNever = -std::numeric_limits<float>::infinity();  // logit of the share 0

AEVB_INLINE float largest_of(size_t n, const float* a) {
  Vec most = set1(kNever);
  for (size_t k = 0; k < n; k += W) most = max(most, load_first(n - k, a + k, kNever));
  float lane[W];
  store(lane, most);
  float largest = lane[0];
  for (size_t i = 1; i < W; ++i) largest = std::max(largest, lane[i]);
  return largest;
}

// Replaces n logits by e^(a - largest).
AEVB_INLINE Softmax softmax(size_t n, float* a) {
  const float largest = largest_of(n, a);
  Vec total = {};
  for (size_t k = 0; k < n; k += W) {
    const Vec e = exp(load_first(n - k, a + k, kNever) - largest);
    store_first(n - k, a + k, e);
    total += e;
  }
  const float total_e = sum(total);
  return {largest, log(set1(total_e))[0], 1.0f / total_e};
}

// Replaces n logits by their shares e^a / sum e^a.
AEVB_INLINE void to_shares(size_t n, float* a) {
  const Softmax s = softmax(n, a);
  for (size_t k = 0; k < n; k += W)
    store_first(n - k, a + k, load_first(n - k, a + k, 0.0f) * s.inverse);
}

// The share of a level for starting outputs: none has the logarithm of 0.
inline double level_share(double share) { return std::max(share, kLeastMean); }

}  // namespace
}  // namespace aevb::AEVB_ISA
