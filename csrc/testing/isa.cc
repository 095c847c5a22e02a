// Compiled once per instruction set, as kernels/isa.cc is.
#include "kernels/philox-inl.h"
#include "simd/gamma-inl.h"
#include "testing/isa_functions.h"

#define AEVB_STRING(x) #x
#define AEVB_NAME(x) AEVB_STRING(x)

namespace aevb::AEVB_ISA {
namespace {

// The first floats of x, and zeros after them.
Vec load_first(size_t lanes, const float* x) {
  float lane[W] = {};
  std::memcpy(lane, x, lanes * sizeof(float));
  return load(lane);
}

// Applies f to each element of x and of the other arrays. None needs padding.
template <class F, class... More>
void map(size_t n, const float* x, float* y, F f, const More*... more) {
  for (size_t i = 0; i < n; i += W) {
    const size_t lanes = n - i < W ? n - i : W;
    store_first(lanes, y + i, f(load_first(lanes, x + i), load_first(lanes, more + i)...));
  }
}

bool unary(const char* name, size_t n, const float* x, float* y) {
  const auto is = [name](const char* other) { return std::strcmp(name, other) == 0; };
  if (is("exp")) return map(n, x, y, [](Vec v) { return exp(v); }), true;
  if (is("log")) return map(n, x, y, [](Vec v) { return log(v); }), true;
  if (is("tanh")) return map(n, x, y, [](Vec v) { return tanh(v); }), true;
  if (is("expm1")) return map(n, x, y, [](Vec v) { return expm1(v); }), true;
  if (is("sigmoid")) return map(n, x, y, [](Vec v) { return sigmoid(v); }), true;
  if (is("softplus")) return map(n, x, y, [](Vec v) { return softplus(v); }), true;
  if (is("reciprocal_sqrt"))
    return map(n, x, y, [](Vec v) { return add_over_sqrt(Vec{}, 1.0f, set1(1.0f), v); }), true;
  if (is("log_factorial")) return map(n, x, y, [](Vec v) { return log_factorial(v); }), true;
  if (is("log_gamma")) return map(n, x, y, [](Vec v) { return log_gamma(v); }), true;
  if (is("digamma")) return map(n, x, y, [](Vec v) { return digamma(v); }), true;
  if (is("trigamma")) return map(n, x, y, [](Vec v) { return trigamma(v); }), true;
  if (is("log_minus_linear"))
    return map(n, x, y, [](Vec v) { return log_minus_linear(v, log1p(v)); }), true;
  if (is("half_step_gap")) return map(n, x, y, [](Vec v) { return half_step_gap(v); }), true;
  if (is("half_step_slope")) return map(n, x, y, [](Vec v) { return half_step_slope(v); }), true;
  if (is("stirling_error")) return map(n, x, y, [](Vec v) { return stirling_error(v); }), true;
  if (is("stirling_slope")) return map(n, x, y, [](Vec v) { return stirling_slope(v); }), true;
  if (is("sin_2pi")) return map(n, x, y, [](Vec v) { return sin_cos_2pi(v).sin; }), true;
  if (is("cos_2pi")) return map(n, x, y, [](Vec v) { return sin_cos_2pi(v).cos; }), true;
  return false;
}

void sensitivity(size_t n, const float* alpha, const float* log_z, float* y) {
  map(n, alpha, y, gamma_sensitivity, log_z);
}

void gamma_draws(size_t n, const float* u, const float* alpha, float* log_z) {
  const auto draw = [](Vec shape, Vec u0, Vec u1, Vec u2, Vec u3) {
    Vec value;
    sample_gamma({u0, u1, u2, u3}, shape, value);
    return value;
  };
  map(n, alpha, log_z, draw, u, u + n, u + 2 * n, u + 3 * n);
}

void philox(const uint32_t key[2], size_t n, const uint32_t* counter, uint32_t* out) {
  for (size_t i = 0; i < n; i += W) {
    const size_t lanes = n - i < W ? n - i : W;
    uint32_t word[4][W] = {};
    for (size_t lane = 0; lane < lanes; ++lane) {
      for (size_t w = 0; w < 4; ++w) word[w][lane] = counter[4 * (i + lane) + w];
    }
    const Counter c =
        philox_block({load(word[0]), load(word[1]), load(word[2]), load(word[3])}, key);
    store(word[0], c.c0);
    store(word[1], c.c1);
    store(word[2], c.c2);
    store(word[3], c.c3);
    for (size_t lane = 0; lane < lanes; ++lane) {
      for (size_t w = 0; w < 4; ++w) out[4 * (i + lane) + w] = word[w][lane];
    }
  }
}

double peak(size_t n) {
  constexpr size_t kChains = kManyRegisters ? 20 : 10;  // more than FMA latency times ports
  Vec acc[kChains];
#pragma GCC unroll 20
  for (size_t i = 0; i < kChains; ++i) acc[i] = set1(static_cast<float>(i));
  const Vec a = set1(0.999f), b = set1(1e-3f);
  for (size_t k = 0; k < n; ++k) {
#pragma GCC unroll 20
    for (size_t i = 0; i < kChains; ++i) acc[i] = fma(acc[i], a, b);
  }
  float total = 0.0f;
#pragma GCC unroll 20
  for (size_t i = 0; i < kChains; ++i) total += sum(acc[i]);
  // The sum is used, so the compiler keeps the loop. It adds nothing to the result.
  return 2.0 * static_cast<double>(n * kChains * W) + (total > 1e30f ? 1.0 : 0.0);
}

}  // namespace

extern const testing::IsaFunctions functions;
const testing::IsaFunctions functions = {AEVB_NAME(AEVB_ISA), unary,  sensitivity,
                                         gamma_draws,         philox, peak};

}  // namespace aevb::AEVB_ISA
