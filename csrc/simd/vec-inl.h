// One vector of floats (Vec) and one of 32-bit words (Words), W lanes each, for the instruction set
// that the including file is compiled for. Included by kernels/isa.cc only, which sets AEVB_ISA to
// the namespace's name.
//
// The types are the compiler's own vector extensions, so + - * / and comparisons need no wrappers;
// only what the language has no operator for (FMA, min, rounding, high products, transposition) is
// spelt per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#define AEVB_INLINE inline __attribute__((always_inline))

namespace aevb::AEVB_ISA {
namespace {

#if defined(__AVX512F__)
inline constexpr size_t W = 16;
#elif defined(__AVX2__)
inline constexpr size_t W = 8;
#else
inline constexpr size_t W = 4;
#endif

typedef float Vec __attribute__((vector_size(W * sizeof(float)), may_alias));
typedef int32_t Ints __attribute__((vector_size(W * sizeof(float)), may_alias));
typedef uint32_t Words __attribute__((vector_size(W * sizeof(float)), may_alias));
// Memory operands may be unaligned.
typedef float VecU __attribute__((vector_size(W * sizeof(float)), may_alias, aligned(4)));
typedef uint32_t WordsU __attribute__((vector_size(W * sizeof(float)), may_alias, aligned(4)));

AEVB_INLINE Vec load(const float* p) { return *reinterpret_cast<const VecU*>(p); }
AEVB_INLINE void store(float* p, Vec v) { *reinterpret_cast<VecU*>(p) = v; }
// n lanes, or all of them if there are no more.
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
AEVB_INLINE Vec abs(Vec v) { return as_vec(as_ints(v) & 0x7fffffff); }
AEVB_INLINE Vec to_float(Ints v) { return __builtin_convertvector(v, Vec); }

// a * b + c, rounded once where the machine has FMA. min and max give b where a is NaN or b is, as
// the instructions do: callers pass the data as b to keep its NaN.
#if defined(__AVX512F__)
AEVB_INLINE Vec fma(Vec a, Vec b, Vec c) {
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
AEVB_INLINE Vec min(Vec a, Vec b) { return (Vec)_mm512_min_ps((__m512)a, (__m512)b); }
AEVB_INLINE Vec max(Vec a, Vec b) { return (Vec)_mm512_max_ps((__m512)a, (__m512)b); }
AEVB_INLINE Vec sqrt(Vec a) { return (Vec)_mm512_sqrt_ps((__m512)a); }
AEVB_INLINE Ints round_to_int(Vec a) { return (Ints)_mm512_cvtps_epi32((__m512)a); }
// High and low halves of the 64-bit products, lane by lane.
AEVB_INLINE Words mul_high(Words a, Words b) {
  const __m512i even = _mm512_srli_epi64(_mm512_mul_epu32((__m512i)a, (__m512i)b), 32);
  const __m512i odd =
      _mm512_mul_epu32(_mm512_srli_epi64((__m512i)a, 32), _mm512_srli_epi64((__m512i)b, 32));
  return (Words)_mm512_mask_blend_epi32(0xaaaa, even, odd);
}
#elif defined(__AVX2__)
AEVB_INLINE Vec fma(Vec a, Vec b, Vec c) {
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
AEVB_INLINE Vec min(Vec a, Vec b) { return (Vec)_mm256_min_ps((__m256)a, (__m256)b); }
AEVB_INLINE Vec max(Vec a, Vec b) { return (Vec)_mm256_max_ps((__m256)a, (__m256)b); }
AEVB_INLINE Vec sqrt(Vec a) { return (Vec)_mm256_sqrt_ps((__m256)a); }
AEVB_INLINE Ints round_to_int(Vec a) { return (Ints)_mm256_cvtps_epi32((__m256)a); }
AEVB_INLINE Words mul_high(Words a, Words b) {
  const __m256i even = _mm256_srli_epi64(_mm256_mul_epu32((__m256i)a, (__m256i)b), 32);
  const __m256i odd =
      _mm256_mul_epu32(_mm256_srli_epi64((__m256i)a, 32), _mm256_srli_epi64((__m256i)b, 32));
  return (Words)_mm256_blend_epi32(even, odd, 0xaa);
}
#else
AEVB_INLINE Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
AEVB_INLINE Vec min(Vec a, Vec b) { return select(a < b, a, b); }
AEVB_INLINE Vec max(Vec a, Vec b) { return select(a > b, a, b); }
AEVB_INLINE Vec sqrt(Vec a) {
  Vec r;
  for (size_t i = 0; i < W; ++i) r[i] = __builtin_sqrtf(a[i]);
  return r;
}
// Adding and subtracting 1.5 * 2^23 rounds to nearest for |a| < 2^22.
AEVB_INLINE Ints round_to_int(Vec a) {
  const Vec magic = set1(12582912.0f);
  return as_ints(a + magic) - as_ints(magic);
}
AEVB_INLINE Words mul_high(Words a, Words b) {
  Words r;
  for (size_t i = 0; i < W; ++i) r[i] = static_cast<uint32_t>((uint64_t{a[i]} * b[i]) >> 32);
  return r;
}
#endif

AEVB_INLINE void fetch_into_l2(const char* line) { __builtin_prefetch(line, 0, 2); }

// sum += a * b. With AVX-512 as an instruction, because what GCC makes of fma may put the sum over
// one of the factors: a tile of sums is then moved about in, and spilt from, registers that it
// fills. AVX2's smaller tiles are not, and take b from memory.
AEVB_INLINE void add_product(Vec& sum, Vec a, Vec b) {
#if defined(__AVX512F__)
  asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
#else
  sum = fma(a, b, sum);
#endif
}

// Writes first + i to out for each of W bits i that is set, in order; returns their number.
AEVB_INLINE size_t store_bits(uint32_t set, uint32_t first, uint32_t* out) {
#if defined(__AVX512F__)
  const __m512i index = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i from = _mm512_set1_epi32(static_cast<int32_t>(first));
  const auto mask = static_cast<__mmask16>(set);
  const auto n = static_cast<size_t>(__builtin_popcount(set));
  _mm512_mask_storeu_epi32(out, static_cast<__mmask16>((1u << n) - 1),
                           _mm512_maskz_compress_epi32(mask, _mm512_add_epi32(index, from)));
  return n;
#else
  size_t n = 0;
  for (; set != 0; set &= set - 1) out[n++] = first + static_cast<uint32_t>(__builtin_ctz(set));
  return n;
#endif
}

// Bit i of the result is set where lane i of the mask is.
AEVB_INLINE uint32_t bits(Ints mask) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask((__m512i)mask);
#elif defined(__AVX2__)
  return static_cast<uint32_t>(_mm256_movemask_ps((__m256)mask));
#else
  uint32_t b = 0;
  for (size_t i = 0; i < W; ++i) b |= (mask[i] & 1u) << i;
  return b;
#endif
}

// 1 / sqrt(a) to 14 bits, for a > 0 normal. Where it is not an instruction: half the exponent by an
// integer shift, y, then y p(a y^2), p the minimax quadratic there. (The divider's square root and
// quotient keep the sums of a tile waiting; AVX's 12-bit estimate differs from maker to maker.)
AEVB_INLINE Vec reciprocal_sqrt_estimate(Vec a) {
#if defined(__AVX512F__)
  return (Vec)_mm512_rsqrt14_ps((__m512)a);
#else
  const Vec y = as_vec(0x5f2f8000 - (as_ints(a) >> 1));
  const Vec e = a * y * y;  // in [0.87, 0.99]
  return y * fma(e, fma(e, set1(0.45172739f), set1(-1.39873946f)), set1(1.94707906f));
#endif
}

// w + rate * g / sqrt(a) for a > 0 normal, the quotient to 1-3 ulp: by one Newton step from the
// estimate y, y (3 - a y^2) / 2, whose half is the rate's.
AEVB_INLINE Vec add_over_sqrt(Vec w, float rate, Vec g, Vec a) {
  const Vec y = reciprocal_sqrt_estimate(a);
  return fma(0.5f * rate * g * y, fma(-(a * y), y, set1(3.0f)), w);
}

// Sum of the lanes, halves added pairwise: one fixed order for a given W.
AEVB_INLINE float sum(Vec v) {
  float lane[W];
  std::memcpy(lane, &v, sizeof lane);
  for (size_t half = W / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}

// Lanes 0, 2, ... of a and then of b; and lanes 1, 3, ...
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

// Lane i of the result is all lanes of v[i], neighbours first, combined by op; v is used up.
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

// Lanes 0 .. n - 1 set, the rest clear.
AEVB_INLINE Ints first_lanes(size_t n) {
  Ints index;
  for (size_t i = 0; i < W; ++i) index[i] = static_cast<int32_t>(i);
  return index < static_cast<int32_t>(n);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
