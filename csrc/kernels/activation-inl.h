// Activations and their derivatives, in place over a tile that is still in L1.
#pragma once

#include "kernels/kernels.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

template <class F>
AEVB_INLINE void for_tile(size_t rows, size_t n_cols, float* out, size_t ld, F f) {
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < n_cols; c += W) store(out + r * ld + c, f(r, c, load(out + r * ld + c)));
  }
}

void activate(Activation activation, size_t rows, size_t n_cols, float* h, size_t ldh) {
  switch (activation) {
    case Activation::identity:
      return;
    case Activation::tanh:
      return for_tile(rows, n_cols, h, ldh, [](size_t, size_t, Vec a) { return tanh(a); });
    case Activation::relu:
      return for_tile(rows, n_cols, h, ldh, [](size_t, size_t, Vec a) { return max(Vec{}, a); });
    case Activation::softplus:
      return for_tile(rows, n_cols, h, ldh, [](size_t, size_t, Vec a) { return softplus(a); });
    case Activation::sigmoid:
      return for_tile(rows, n_cols, h, ldh, [](size_t, size_t, Vec a) { return sigmoid(a); });
  }
}

void differentiate(Activation activation, size_t rows, size_t n_cols, const float* h, size_t ldh,
                   float* delta, size_t ldd) {
  const auto times = [&](auto derivative) {
    for_tile(rows, n_cols, delta, ldd,
             [&](size_t r, size_t c, Vec d) { return d * derivative(load(h + r * ldh + c)); });
  };
  switch (activation) {
    case Activation::identity:
      return;
    case Activation::tanh:
      return times([](Vec y) { return fma(-y, y, set1(1.0f)); });
    case Activation::relu:
      return times([](Vec y) { return select(y > 0.0f, set1(1.0f), Vec{}); });
    case Activation::softplus:
      return times([](Vec y) { return 1.0f - exp(-y); });
    case Activation::sigmoid:
      return times([](Vec y) { return y * (1.0f - y); });
  }
}

}  // namespace
}  // namespace aevb::AEVB_ISA
