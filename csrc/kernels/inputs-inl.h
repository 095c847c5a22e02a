// What the encoder reads of the data.
#pragma once

#include "kernels/kernels.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

template <class F>
AEVB_INLINE void read_inputs_as(const InputRows& t, F f) {
  for (size_t r = 0; r < t.rows; ++r) {
    const float* x = t.x + r * t.ldx;
    float* out = t.out + r * t.ld;
    for_packs(t.n_cols, [&](auto size, size_t c) __attribute__((always_inline)) {
      const auto value = load<size>(x + c);
      const auto observed = first_lanes<size>(t.n_cols - c) & (value == value);
      store(out + c, select(observed, f(value), Vec{}));
    });
  }
}

void read_inputs(const InputRows& t) {
  switch (t.input) {
    case Input::as_is:
      return read_inputs_as(t, [](const auto& x) { return x; });
    case Input::log:
      return read_inputs_as(t, [](const auto& x) { return log(x); });
    case Input::log1p:
      return read_inputs_as(t, [](const auto& x) { return log(1.0f + x); });
  }
}

}  // namespace
}  // namespace aevb::AEVB_ISA
