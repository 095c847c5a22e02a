// Transposition of a block of a weight panel, for data gradients: they multiply by W^T.
#pragma once

#include "kernels/kernels.h"
#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// Whole vectors are read and written: the panel's columns are padded with zeros, and `out` has rows
// of kPanel floats.
void transpose(size_t n_rows, size_t n_cols, const float* w, float* out) {
  const auto transpose_rows = [&](const float* rows, float* to) {
    for (size_t col = 0; col < n_cols; col += W) transpose_block(rows + col, to + col * kPanel);
  };
  const size_t whole = n_rows / W * W;
  for (size_t row = 0; row < whole; row += W) transpose_rows(w + row * kPanel, out + row);
  if (whole == n_rows) return;
  float last[W * kPanel] = {};  // the rows left over, then rows of zeros
  std::memcpy(last, w + whole * kPanel, (n_rows - whole) * kPanel * sizeof(float));
  transpose_rows(last, out + whole);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
