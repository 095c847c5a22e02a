// log p(x|z) of one panel of outputs and its gradient, in place of the decoder's outputs (appendix
// C).
#pragma once

#include "kernels/kernels.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// Rows are taken W at a time, so that what is left of each after its columns, a vector, is summed
// with those of the others.
AEVB_INLINE void put_partials(const PanelLikelihood& t, size_t first, size_t n, Vec r) {
  float lane[W];
  store(lane, r);
  for (size_t i = 0; i < n; ++i) t.partial[(first + i) * t.partial_stride] = lane[i];
}

// C.1 from the logit a: r = sum x a - softplus(a), dr/da = x - sigmoid(a). The factors 1 + e^-|a|
// of softplus are multiplied over the panel (at most 2^64) and one logarithm is taken of their
// product: accurate to a rounding of 1 per pixel, not of softplus(a) itself where that is below it.
template <bool kWithR>
void bernoulli_panel(const PanelLikelihood& t) {
  const Vec scale = set1(t.scale);
  const size_t end = t.first_row + t.rows;
  for (size_t first = t.first_row; first < end; first += W) {
    const size_t n = end - first < W ? end - first : W;
    Vec linear[W] = {};
    Vec factors[W];
    for (size_t i = 0; i < W; ++i) factors[i] = set1(1.0f);
    for (size_t i = 0; i < n; ++i) {
      const float* x = t.x + (first + i) / t.n_draws * t.ldx;
      float* logit = t.mean + (first + i) * t.ld;
      Vec sum = {};
      Vec factor = set1(1.0f);
      for_packs(t.n_cols, [&](auto size, size_t c) __attribute__((always_inline)) {
        constexpr size_t N = size;
        const auto real = first_lanes<N>(t.n_cols - c);  // not padding
        const auto a = load<N>(logit + c);
        const auto xc = load<N>(x + c);
        const auto e = exp_minus_abs(a);
        const auto one_plus_e = 1.0f + e;
        const auto y = select(a >= 0.0f, set1(1.0f), e) / one_plus_e;
        if constexpr (kWithR) {
          sum = add(sum, select(real, fma(xc, a, -max(Vec{}, a)), Vec{}));
          factor = multiply(factor, select(real, one_plus_e, set1(1.0f)));
        }
        store(logit + c, select(real, scale * (xc - y), Vec{}));
      });
      linear[i] = sum;
      factors[i] = factor;
    }
    if constexpr (!kWithR) continue;
    const Vec total = combine_lanes(linear, [](Vec a, Vec b) { return a + b; });
    const Vec product = combine_lanes(factors, [](Vec a, Vec b) { return a * b; });
    put_partials(t, first, n, total - log(product));
  }
}

void bernoulli(const PanelLikelihood& t) {
  t.partial != nullptr ? bernoulli_panel<true>(t) : bernoulli_panel<false>(t);
}

// C.2: r = -1/2 sum [log 2 pi + v + (x - m)^2 e^-v] with the floored log-variance v = floor +
// softplus(raw - floor), and m the raw mean or, bounded, its sigmoid.
template <bool kBounded, bool kWithR>
void gaussian_panel(const PanelLikelihood& t) {
  constexpr float kLog2Pi = 1.8378770664093453f;
  const Vec scale = set1(t.scale);
  const size_t end = t.first_row + t.rows;
  for (size_t first = t.first_row; first < end; first += W) {
    const size_t n = end - first < W ? end - first : W;
    Vec totals[W] = {};
    for (size_t i = 0; i < n; ++i) {
      const float* x = t.x + (first + i) / t.n_draws * t.ldx;
      float* mean = t.mean + (first + i) * t.ld;
      float* log_var = t.log_var + (first + i) * t.ld;
      Vec total = {};
      for_packs(t.n_cols, [&](auto size, size_t c) __attribute__((always_inline)) {
        constexpr size_t N = size;
        const auto real = first_lanes<N>(t.n_cols - c);
        const auto [v, slope] = smooth_floor(load<N>(log_var + c), kLogVarFloor);
        const auto m = kBounded ? sigmoid(load<N>(mean + c)) : load<N>(mean + c);
        const auto error = load<N>(x + c) - m;
        const auto precision = exp(-v);
        const auto square = error * error * precision;
        if constexpr (kWithR) total = add(total, select(real, kLog2Pi + v + square, Vec{}));
        auto dm = scale * error * precision;
        if constexpr (kBounded) dm = dm * (m * (1.0f - m));
        const auto dv = scale * 0.5f * (square - 1.0f) * slope;
        store(mean + c, select(real, dm, Vec{}));
        store(log_var + c, select(real, dv, Vec{}));
      });
      totals[i] = total;
    }
    if constexpr (!kWithR) continue;
    put_partials(t, first, n, -0.5f * combine_lanes(totals, [](Vec a, Vec b) { return a + b; }));
  }
}

template <bool kBounded>
void gaussian(const PanelLikelihood& t) {
  t.partial != nullptr ? gaussian_panel<kBounded, true>(t) : gaussian_panel<kBounded, false>(t);
}

// out = mean + e^(v/2) eps: a draw of x, over the means
void gaussian_draw(size_t n_cols, float* mean, const float* log_var_raw, const float* eps) {
  for (size_t c = 0; c < n_cols; c += W) {
    const Vec v = smooth_floor(load(log_var_raw + c), kLogVarFloor).value;
    store(mean + c, fma(exp(0.5f * v), load(eps + c), load(mean + c)));
  }
}

}  // namespace
}  // namespace aevb::AEVB_ISA
