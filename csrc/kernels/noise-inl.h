// Uniform and normal noise from Philox's words.
#pragma once

#include "kernels/kernels.h"
#include "kernels/philox-inl.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// The top 24 bits of each word as a float in [0, 1), without a rounding error.
AEVB_INLINE Vec to_unit(Words w) { return to_float(reinterpret_cast<Ints>(w >> 8)) * 0x1p-24f; }

// Box-Muller: two words give two independent normals. The radius uses u in (0, 1].
AEVB_INLINE void box_muller(Words a, Words b, Vec& first, Vec& second) {
  const Vec u = to_float(reinterpret_cast<Ints>(a >> 8) + 1) * 0x1p-24f;
  const Vec radius = sqrt(-2.0f * log(u));
  const SinCos angle = sin_cos_2pi(to_unit(b));
  first = radius * angle.cos;
  second = radius * angle.sin;
}

// Goes over the blocks of all rows and draws, W blocks at a time, so that short rows fill the lanes
// together. `transform` turns a block's words into four values. `put` writes the first n of them to
// a pointer.
template <class Transform, class Put>
AEVB_INLINE void for_blocks(const NoiseRows& t, Transform transform, Put put) {
  const size_t n_blocks = ceil_div(t.n_cols, 4);
  const size_t total = t.rows * t.n_draws * n_blocks;
  size_t row = 0;    // of the output
  size_t block = 0;  // of the row
  for (size_t done = 0; done < total; done += W) {
    const size_t lanes = total - done < W ? total - done : W;
    uint32_t c0[W] = {}, c1[W] = {}, c2[W] = {};
    size_t at_row[W], at_block[W];
    for (size_t i = 0; i < lanes; ++i) {
      const uint64_t id = t.ids[row / t.n_draws];
      c0[i] = static_cast<uint32_t>(t.first_block + row % t.n_draws * n_blocks + block);
      c1[i] = static_cast<uint32_t>(id);
      c2[i] = static_cast<uint32_t>(id >> 32);
      at_row[i] = row;
      at_block[i] = block;
      if (++block == n_blocks) {
        block = 0;
        ++row;
      }
    }
    Vec value[4];
    transform(philox_block({load(c0), load(c1), load(c2), set1(t.stream)}, t.key), value);
    float lane[4][W];
    for (size_t w = 0; w < 4; ++w) store(lane[w], value[w]);
    for (size_t i = 0; i < lanes; ++i) {
      const float values[4] = {lane[0][i], lane[1][i], lane[2][i], lane[3][i]};
      const size_t col = at_block[i] * 4;
      put(t.out + at_row[i] * t.ld + col, values, t.n_cols - col < 4 ? t.n_cols - col : 4);
    }
  }
}

AEVB_INLINE void to_uniforms(Counter c, Vec value[4]) {
  value[0] = to_unit(c.c0);
  value[1] = to_unit(c.c1);
  value[2] = to_unit(c.c2);
  value[3] = to_unit(c.c3);
}

AEVB_INLINE void put_values(float* out, const float values[4], size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = values[i];
}

void normal(const NoiseRows& t) {
  for_blocks(
      t,
      [](Counter c, Vec value[4]) {
        box_muller(c.c0, c.c1, value[0], value[1]);
        box_muller(c.c2, c.c3, value[2], value[3]);
      },
      put_values);
}

void uniform(const NoiseRows& t) { for_blocks(t, to_uniforms, put_values); }

}  // namespace
}  // namespace aevb::AEVB_ISA
