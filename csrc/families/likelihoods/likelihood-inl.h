// The interface of a likelihood: a type with
//
//   info                               its name, support and decoder outputs (families/info.h)
//   evaluate(x, output, scale)         Terms of N columns
//   mean(output)                       E[x|z]
//   noise, draw(mean, output, noise)   the kind of noise, and a draw of x from it: Vecs<N>; with
//                                      Noise::generator, draw(mean, generator) draws one value
//
// where x and each output[i] are Vecs<N>.
#pragma once

#include "base/generator.h"
#include "families/info.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// log p(x|z) of each column, and the gradient of scale * log p(x|z) for each output.
template <size_t N, size_t kOutputs>
struct Terms {
  Vecs<N> log_p;
  Vecs<N> gradient[kOutputs];
};

// The same, where log p(x|z) is log_p - log(factor) and factor <= 2. One logarithm is taken of the
// product of a panel's factors, which is at most 2^64.
template <size_t N, size_t kOutputs>
struct FactoredTerms : Terms<N, kOutputs> {
  Vecs<N> factor;
};

enum class Noise { uniform, normal, generator };

}  // namespace
}  // namespace aevb::AEVB_ISA
