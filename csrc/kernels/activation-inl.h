// Activation functions and their derivatives, in place over a tile that is still in L1.
#pragma once

#include "kernels/kernels.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

template <class F>
AEVB_INLINE void for_tile(size_t rows, size_t n_cols, float* out, size_t ld, F f) {
  for (size_t r = 0; r < rows; ++r) {
    float* row = out + r * ld;
    for_packs(n_cols, [&](auto size, size_t c) __attribute__((always_inline)) {
      store(row + c, f(load<size>(row + c), r, c));
    });
  }
}

void activate(Activation activation, size_t rows, size_t n_cols, float* h, size_t ldh) {
  switch (activation) {
    case Activation::identity:
      return;
    case Activation::tanh:
      return for_tile(rows, n_cols, h, ldh, [](const auto& a, size_t, size_t) { return tanh(a); });
    case Activation::relu:
      return for_tile(rows, n_cols, h, ldh,
                      [](const auto& a, size_t, size_t) { return max(Vec{}, a); });
    case Activation::softplus:
      return for_tile(rows, n_cols, h, ldh,
                      [](const auto& a, size_t, size_t) { return softplus(a); });
    case Activation::sigmoid:
      return for_tile(rows, n_cols, h, ldh,
                      [](const auto& a, size_t, size_t) { return sigmoid(a); });
  }
}

void differentiate(Activation activation, size_t rows, size_t n_cols, const float* h, size_t ldh,
                   float* delta, size_t ldd) {
  const auto times = [&](auto derivative) {
    for_tile(rows, n_cols, delta, ldd, [&]<class V>(const V& d, size_t r, size_t c) {
      return d * derivative(load<pack_size<V>>(h + r * ldh + c));
    });
  };
  switch (activation) {
    case Activation::identity:
      return;
    case Activation::tanh:
      return times([](const auto& y) { return fma(-y, y, set1(1.0f)); });
    case Activation::relu:
      return times([](const auto& y) { return select(y > 0.0f, set1(1.0f), Vec{}); });
    case Activation::softplus:
      return times([](const auto& y) { return 1.0f - exp(-y); });
    case Activation::sigmoid:
      return times([](const auto& y) { return y * (1.0f - y); });
  }
}

}  // namespace
}  // namespace aevb::AEVB_ISA
