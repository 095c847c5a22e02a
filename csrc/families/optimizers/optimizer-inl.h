// The interface of an optimizer: a type with
//
//   info                 its name and accumulators (families/info.h)
//   has_momentum         whether a weight moves on where its gradient is 0
//   prepare(t, rule)     completes the rule of step t, which counts from 1
//   step(rule, sum, at, weight, state1, state2)
//                        takes one step for the N vectors at index `at`; an accumulator that the
//                        optimizer does not have may be null
#pragma once

#include <cmath>

#include "families/info.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

template <size_t N>
AEVB_INLINE Vecs<N> gradient_of(const UpdateRule& rule, const Vecs<N>& sum, const Vecs<N>& w) {
  return fma(set1(-rule.decay), w, rule.scale * sum);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
