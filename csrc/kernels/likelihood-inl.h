// log p(x|z) of one panel and its gradient, in place of the decoder's outputs; means and draws of
// x.
#pragma once

#include "families/likelihoods/all.h"
#include "kernels/kernels.h"
#include "kernels/noise-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// Rows are processed W at a time: each leaves one vector of partial sums, and combine_lanes adds
// the lanes of W rows at once. Stores log p(x|z) of n rows, lane by lane.
AEVB_INLINE void put_partials(const PanelLikelihood& t, size_t first, size_t n, Vec r) {
  float lane[W];
  store(lane, r);
  for (size_t i = 0; i < n; ++i) t.partial[(first + i) * t.partial_stride] = lane[i];
}

template <size_t kOutputs, size_t N>
AEVB_INLINE void load_outputs(float* const (&from)[kOutputs], size_t c, Vecs<N> (&to)[kOutputs]) {
  for (size_t i = 0; i < kOutputs; ++i) to[i] = load<N>(from[i] + c);
}

// Vectors of a pack, at most. Longer functions would be compiled three times without a gain.
template <class L>
constexpr size_t pack_of() {
  return requires { requires L::is_long; } ? 1 : 4;
}

template <class L, bool kWithR, bool kHoles>
void likelihood_panel(const PanelLikelihood& t) {
  constexpr size_t kOutputs = L::info.n_outputs;
  const Vec scale = set1(t.scale);
  const size_t end = t.first_row + t.rows;
  for (size_t first = t.first_row; first < end; first += W) {
    const size_t n = end - first < W ? end - first : W;
    Vec sums[W] = {}, products[W];
    for (size_t i = 0; i < W; ++i) products[i] = set1(1.0f);
    for (size_t i = 0; i < n; ++i) {
      const float* x = t.x + (first + i) / t.n_draws * t.ldx;
      float* outputs[kOutputs];
      for (size_t o = 0; o < kOutputs; ++o) outputs[o] = t.outputs[o] + (first + i) * t.ld;
      Vec sum = {};
      Vec product = set1(1.0f);
      for_packs<pack_of<L>()>(t.n_cols, [&](auto size, size_t c) __attribute__((always_inline)) {
        constexpr size_t N = size;
        auto real = first_lanes<N>(t.n_cols - c);  // lanes that are not padding
        if constexpr (kHoles) {
          const auto value = load<N>(x + c);
          real = real & (value == value);
        }
        Vecs<N> output[kOutputs];
        load_outputs(outputs, c, output);
        const LogP<kWithR, N, decltype(real)> log_p = {real, sum, product};
        Vecs<N> gradient[kOutputs];
        L::evaluate(load<N>(x + c), output, scale, log_p, gradient);
        for (size_t o = 0; o < kOutputs; ++o)
          store(outputs[o] + c, select(real, gradient[o], Vec{}));
      });
      sums[i] = sum;
      products[i] = product;
    }
    if (!kWithR || t.partial == nullptr) continue;
    Vec r = combine_lanes(sums, [](Vec a, Vec b) { return a + b; });
    if constexpr (requires { requires L::subtracts_logs; })
      r -= log(combine_lanes(products, [](Vec a, Vec b) { return a * b; }));
    put_partials(t, first, n, r);
  }
}

template <class L>
void likelihood(const PanelLikelihood& t) {
  // With holes, r is computed even if it is not wanted: that saves a fourth function. A long
  // likelihood has this function alone: it would be long to compile the others.
  if constexpr (pack_of<L>() == 1) {
    likelihood_panel<L, true, true>(t);
  } else {
    t.holes                ? likelihood_panel<L, true, true>(t)
    : t.partial != nullptr ? likelihood_panel<L, true, false>(t)
                           : likelihood_panel<L, false, false>(t);
  }
}

// first output = f(row, column, outputs), for all packs of all rows
template <class L, class F>
AEVB_INLINE void for_outputs(const OutputRows& t, F f) {
  constexpr size_t kOutputs = L::info.n_outputs;
  for (size_t r = 0; r < t.rows; ++r) {
    float* outputs[kOutputs];
    for (size_t o = 0; o < kOutputs; ++o) outputs[o] = t.outputs[o] + r * t.ld;
    for_packs<pack_of<L>()>(t.n_cols, [&](auto size, size_t c) __attribute__((always_inline)) {
      Vecs<size> output[kOutputs];
      load_outputs(outputs, c, output);
      store(outputs[0] + c, f(r, c, output));
    });
  }
}

template <class L>
void likelihood_mean(const OutputRows& t) {
  for_outputs<L>(t, [](size_t, size_t, const auto& output)
                        __attribute__((always_inline)) { return L::mean(output); });
}

// Null if the mean is the first output as it is.
template <class L>
constexpr auto mean_of() -> void (*)(const OutputRows&) {
  if constexpr (requires { requires L::mean_is_output; }) {
    return nullptr;
  } else {
    return likelihood_mean<L>;
  }
}

template <class L>
void draw_by_generator(const OutputRows& t, const NoiseRows& noise) {
  for (size_t r = 0; r < t.rows; ++r) {
    for (size_t c = 0; c < t.n_cols; ++c) {
      Generator generator(noise.key, noise.stream, noise.ids[r], 4 * noise.first_block + c);
      float output[L::info.n_outputs];
      for (size_t o = 0; o < L::info.n_outputs; ++o) output[o] = t.outputs[o][r * t.ld + c];
      t.outputs[0][r * t.ld + c] = L::draw(output, generator);
    }
  }
}

// Draws over the means in noise.out.
template <class L>
void draw_by_uniform(const NoiseRows& noise) {
  for_blocks(noise, to_uniforms, [](float* x, const float u[4], size_t n) {
    for (size_t i = 0; i < n; ++i) x[i] = L::draw(x[i], u[i]);
  });
}

template <class L>
void draw_by_normal(const OutputRows& t, const NoiseRows& noise) {
  normal(noise);
  for_outputs<L>(t, [&](size_t r, size_t c, const auto& output) __attribute__((always_inline)) {
    constexpr size_t N = pack_size<std::decay_t<decltype(output[0])>>;
    return L::draw(output[0], output, load<N>(noise.out + r * noise.ld + c));
  });
}

template <class L>
void likelihood_draw(const OutputRows& t, const NoiseRows& noise) {
  if constexpr (L::noise == Noise::generator) {
    draw_by_generator<L>(t, noise);
  } else if constexpr (L::noise == Noise::normal) {
    draw_by_normal<L>(t, noise);
  } else {
    NoiseRows over = noise;
    over.out = t.outputs[0];
    over.ld = t.ld;
    draw_by_uniform<L>(over);
  }
}

// For binarisation: x is the probability of 1.
void bernoulli_draw(const NoiseRows& t) { draw_by_uniform<Bernoulli>(t); }

}  // namespace
}  // namespace aevb::AEVB_ISA
