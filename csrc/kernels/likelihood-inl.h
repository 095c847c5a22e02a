// log p(x|z) of one panel of outputs and its gradient, in place of the decoder's outputs (appendix
// C).
#pragma once

#include "kernels/kernels.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// C.1 from the logit a: r = sum x a - softplus(a), dr/da = x - sigmoid(a). The factors 1 + e^-|a|
// of softplus are multiplied over the panel (at most 2^16 in a lane) and one logarithm is taken of
// their product: accurate to a rounding of 1 per pixel, not of softplus(a) itself where that is
// below it.
void bernoulli(const PanelLikelihood& t) {
  const Vec scale = set1(t.scale);
  for (size_t r = t.first_row; r < t.first_row + t.rows; ++r) {
    const float* x = t.x + r / t.n_draws * t.ldx;
    float* logit = t.mean + r * t.ld;
    Vec linear = {};
    Vec factors = set1(1.0f);
    for (size_t c = 0; c < t.n_cols; c += W) {
      const Ints real = first_lanes(t.n_cols - c);  // not padding
      const Vec a = load(logit + c);
      const Vec xc = load(x + c);
      const Vec e = exp(as_vec(as_ints(a) | INT32_MIN));  // e^-|a|
      const Vec one_plus_e = 1.0f + e;
      const Vec y = select(a >= 0.0f, set1(1.0f), e) / one_plus_e;
      linear += select(real, fma(xc, a, -max(Vec{}, a)), Vec{});
      factors *= select(real, one_plus_e, set1(1.0f));
      store(logit + c, select(real, scale * (xc - y), Vec{}));
    }
    t.partial[r * t.partial_stride] = sum(linear - log(factors));
  }
}

// C.2: r = -1/2 sum [log 2 pi + v + (x - m)^2 e^-v] with the floored log-variance v = floor +
// softplus(raw - floor), and m the raw mean or, bounded, its sigmoid.
template <bool kBounded>
void gaussian_panel(const PanelLikelihood& t) {
  constexpr float kLog2Pi = 1.8378770664093453f;
  const Vec scale = set1(t.scale);
  for (size_t r = t.first_row; r < t.first_row + t.rows; ++r) {
    const float* x = t.x + r / t.n_draws * t.ldx;
    float* mean = t.mean + r * t.ld;
    float* log_var = t.log_var + r * t.ld;
    Vec total = {};
    for (size_t c = 0; c < t.n_cols; c += W) {
      const Ints real = first_lanes(t.n_cols - c);
      const auto [v, slope] = smooth_floor(load(log_var + c), kLogVarFloor);
      const Vec m = kBounded ? sigmoid(load(mean + c)) : load(mean + c);
      const Vec error = load(x + c) - m;
      const Vec precision = exp(-v);
      const Vec square = error * error * precision;
      total += select(real, kLog2Pi + v + square, Vec{});
      Vec dm = scale * error * precision;
      if (kBounded) dm *= m * (1.0f - m);
      const Vec dv = scale * 0.5f * (square - 1.0f) * slope;
      store(mean + c, select(real, dm, Vec{}));
      store(log_var + c, select(real, dv, Vec{}));
    }
    t.partial[r * t.partial_stride] = -0.5f * sum(total);
  }
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
