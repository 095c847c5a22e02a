// A vector of floats (Vec), of signed (Ints) and of unsigned 32-bit integers (Words), with W lanes
// each. Only files that are compiled once per instruction set include this header. They define
// AEVB_ISA, the name of the namespace.
//
// The types are the compiler's vector extensions, so + - * / and comparisons need no wrappers. Only
// operations without an operator are written per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "simd/traits-inl.h"

namespace aevb::AEVB_ISA {
namespace {

typedef float Vec __attribute__((vector_size(W * sizeof(float)), may_alias));
typedef int32_t Ints __attribute__((vector_size(W * sizeof(float)), may_alias));
typedef uint32_t Words __attribute__((vector_size(W * sizeof(float)), may_alias));
// Vectors in memory, which may be unaligned.
typedef float VecU __attribute__((vector_size(W * sizeof(float)), may_alias, aligned(4)));
typedef uint32_t WordsU __attribute__((vector_size(W * sizeof(float)), may_alias, aligned(4)));

AEVB_INLINE Vec load(const float* p) { return *reinterpret_cast<const VecU*>(p); }
AEVB_INLINE void store(float* p, Vec v) { *reinterpret_cast<VecU*>(p) = v; }
// Stores the first n lanes, or all if there are no more than n.
AEVB_INLINE void store_first(size_t n, float* p, Vec v) {
  if (n >= W) return store(p, v);
  float lane[W];
  store(lane, v);
  std::memcpy(p, lane, n * sizeof(float));
}
AEVB_INLINE Words load(const uint32_t* p) { return *reinterpret_cast<const WordsU*>(p); }
AEVB_INLINE void store(uint32_t* p, Words v) { *reinterpret_cast<WordsU*>(p) = v; }
AEVB_INLINE Vec set1(float x) { return x - Vec{}; }
AEVB_INLINE Words set1(uint32_t x) { return x - Words{}; }
AEVB_INLINE Ints as_ints(Vec v) { return reinterpret_cast<Ints>(v); }
AEVB_INLINE Vec as_vec(Ints v) { return reinterpret_cast<Vec>(v); }
AEVB_INLINE Vec select(Ints mask, Vec yes, Vec no) { return mask ? yes : no; }
AEVB_INLINE Vec to_float(Ints v) { return __builtin_convertvector(v, Vec); }

// Each instruction set defines these functions in a header of its own:
//
//   Vec fma(Vec a, Vec b, Vec c)          a * b + c, rounded once where the machine has FMA
//   Vec min(Vec a, Vec b), max(...)       b where a or b is NaN, as the instructions do: pass data
//                                         as b to keep its NaN
//   Vec sqrt(Vec a)
//   Ints round_to_int(Vec a)              to nearest, |a| < 2^22
//   Words mul_high(Words a, Words b)      high halves of the 64-bit products, lane by lane
//   void add_product(Vec& sum, Vec a, Vec b)     sum += a * b
//   size_t store_bits(uint32_t set, uint32_t first, uint32_t* out)
//                                         writes first + i for each bit i of W that is set, in
//                                         order; returns how many are set
//   uint32_t bits(Ints mask)              bit i is set where lane i of the mask is set
//   Vec reciprocal_sqrt_estimate(Vec a)   1 / sqrt(a) to 14 bits, for a > 0 normal
//   Vec over_sqrt(Vec a, Vec v, float epsilon)   a / (sqrt(v) + epsilon) to 6 roundings, 0 where v
//                                         is inf, for v >= 0 and 1e-12 <= epsilon <= 1
//   void transpose_block(const float* in, float* out)
//                                         out[j][i] = in[i][j] of W x W floats, rows kPanel apart

}  // namespace
}  // namespace aevb::AEVB_ISA

#if defined(__AVX512F__)
#include "simd/avx512-inl.h"
#elif defined(__AVX2__)
#include "simd/avx2-inl.h"
#else
#include "simd/generic-inl.h"
#endif

namespace aevb::AEVB_ISA {
namespace {

AEVB_INLINE void fetch_into_l2(const char* line) { __builtin_prefetch(line, 0, 2); }

// w + rate * g / sqrt(a) for a > 0 normal, where the quotient has an error of 1-3 ulp. One Newton
// step y (3 - a y^2) / 2 improves the estimate y; its factor 1/2 is applied to the rate.
AEVB_INLINE Vec add_over_sqrt(Vec w, float rate, Vec g, Vec a) {
  const Vec y = reciprocal_sqrt_estimate(a);
  return fma(0.5f * rate * g * y, fma(-(a * y), y, set1(3.0f)), w);
}

// The sum of the lanes. Halves are added pairwise: one fixed order for a given W.
AEVB_INLINE float sum(Vec v) {
  float lane[W];
  std::memcpy(lane, &v, sizeof lane);
  for (size_t half = W / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}

// With first = 0: lanes 0, 2, ... of a and then of b. With first = 1: lanes 1, 3, ...
#if defined(__clang__)
template <size_t... I>
AEVB_INLINE Vec every_other(Vec a, Vec b, std::index_sequence<I...>, int first) {
  return first == 0 ? __builtin_shufflevector(a, b, (2 * I)...)
                    : __builtin_shufflevector(a, b, (2 * I + 1)...);
}
AEVB_INLINE Vec every_other(Vec a, Vec b, int first) {
  return every_other(a, b, std::make_index_sequence<W>(), first);
}
#else
AEVB_INLINE Vec every_other(Vec a, Vec b, int first) {
  Ints lane;
  for (size_t i = 0; i < W; ++i) lane[i] = static_cast<int32_t>(2 * i) + first;
  return __builtin_shuffle(a, b, lane);
}
#endif

// Combines all lanes of v[i] by op into lane i of the result, neighbouring lanes first. Overwrites
// v.
template <class Op>
AEVB_INLINE Vec combine_lanes(Vec (&v)[W], Op op) {
#pragma GCC unroll 4
  for (size_t n = W / 2; n > 0; n /= 2) {
#pragma GCC unroll 8
    for (size_t i = 0; i < n; ++i)
      v[i] = op(every_other(v[2 * i], v[2 * i + 1], 0), every_other(v[2 * i], v[2 * i + 1], 1));
  }
  return v[0];
}

// A mask: lanes 0 .. n - 1 are set, the rest are clear.
AEVB_INLINE Ints first_lanes(size_t n) {
  Ints index;
  for (size_t i = 0; i < W; ++i) index[i] = static_cast<int32_t>(i);
  return index < static_cast<int32_t>(n);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
