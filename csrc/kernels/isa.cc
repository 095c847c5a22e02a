// Compiled once per instruction set with its flags and AEVB_ISA = the set's name; fills that set's
// table. Everything included here lives in unnamed namespaces inside aevb::<isa>: an inline
// function with external linkage, compiled under wider flags, could be the copy that the linker
// keeps for everybody.
#include "kernels/activation-inl.h"
#include "kernels/dot-inl.h"
#include "kernels/gemm-inl.h"
#include "kernels/latent-inl.h"
#include "kernels/likelihood-inl.h"
#include "kernels/nonzeros-inl.h"
#include "kernels/philox-inl.h"
#include "kernels/range-inl.h"
#include "kernels/transpose-inl.h"
#include "kernels/update-inl.h"

#define AEVB_STRING(x) #x
#define AEVB_NAME(x) AEVB_STRING(x)

namespace aevb::AEVB_ISA {
namespace {

// f over x, whole vectors through a buffer so that x and y need no padding.
template <class F>
void map(size_t n, const float* x, float* y, F f) {
  for (size_t i = 0; i < n; i += W) {
    const size_t lanes = n - i < W ? n - i : W;
    float lane[W] = {};
    std::memcpy(lane, x + i, lanes * sizeof(float));
    store(lane, f(load(lane)));
    std::memcpy(y + i, lane, lanes * sizeof(float));
  }
}

bool unary(const char* name, size_t n, const float* x, float* y) {
  const auto is = [name](const char* other) { return std::strcmp(name, other) == 0; };
  if (is("exp")) return map(n, x, y, [](Vec v) { return exp(v); }), true;
  if (is("log")) return map(n, x, y, [](Vec v) { return log(v); }), true;
  if (is("tanh")) return map(n, x, y, [](Vec v) { return tanh(v); }), true;
  if (is("sigmoid")) return map(n, x, y, [](Vec v) { return sigmoid(v); }), true;
  if (is("softplus")) return map(n, x, y, [](Vec v) { return softplus(v); }), true;
  if (is("reciprocal_sqrt"))
    return map(n, x, y, [](Vec v) { return add_over_sqrt(Vec{}, 1.0f, set1(1.0f), v); }), true;
  if (is("sin_2pi")) return map(n, x, y, [](Vec v) { return sin_cos_2pi(v).sin; }), true;
  if (is("cos_2pi")) return map(n, x, y, [](Vec v) { return sin_cos_2pi(v).cos; }), true;
  return false;
}

double peak(size_t n) {
  constexpr size_t kChains = W == 16 ? 20 : 10;  // longer than FMA latency times ports
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
  // the sum is used, so the loop stays; its contribution is nothing
  return 2.0 * static_cast<double>(n * kChains * W) + (total > 1e30f ? 1.0 : 0.0);
}

}  // namespace

extern const Kernels table;
const Kernels table = {
    .name = AEVB_NAME(AEVB_ISA),
    .product = product,
    .product_transposed = product_transposed,
    .activate = activate,
    .differentiate = differentiate,
    .transpose = transpose,
    .nonzero_columns = nonzero_columns,
    .nonzero_rows = nonzero_rows,
    .within = within,
    .update = update,
    .update_bias = update_bias,
    .optimize = optimize,
    .bernoulli = bernoulli,
    .gaussian = gaussian<false>,
    .bounded_gaussian = gaussian<true>,
    .latent_sample = latent_sample,
    .latent_backward = latent_backward,
    .latent_recognize = latent_recognize,
    .normal = normal,
    .uniform = uniform,
    .bernoulli_draw = bernoulli_draw,
    .gaussian_draw = gaussian_draw,
    .philox = philox,
    .peak = peak,
    .unary = unary,
};

}  // namespace aevb::AEVB_ISA
