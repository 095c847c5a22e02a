// A check of the range of the data.
#pragma once

#include "kernels/kernels.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

bool within(size_t rows, size_t n_cols, const float* x, size_t ldx, float low, float high) {
  Ints in_range = first_lanes(W);
  for (size_t r = 0; r < rows; ++r) {
    const float* row = x + r * ldx;
    size_t c = 0;
    for (; c + W <= n_cols; c += W) {
      const Vec v = load(row + c);
      in_range &= (v >= low) & (v <= high);
    }
    if (c < n_cols) {
      const Vec v = load(row + c);
      in_range &= ((v >= low) & (v <= high)) | ~first_lanes(n_cols - c);
    }
  }
  return bits(~in_range) == 0;
}

}  // namespace
}  // namespace aevb::AEVB_ISA
