// A pack: N vectors side by side, with the operations of vec-inl.h on all of them. In a function of
// one vector, each operation waits for the one before. In a function of a pack, N such chains
// alternate and keep the units busy. The vectors of a pack never mix, so N changes no bit.
#pragma once

#include <algorithm>
#include <type_traits>

#include "simd/vec-inl.h"

// T is Vec or Ints; a member of a struct keeps their alignment and aliasing.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"

namespace aevb::AEVB_ISA {
namespace {

template <class T, size_t N>
struct Pack {
  T v[N];
};

template <size_t N>
using Vecs = Pack<Vec, N>;

template <class T>
inline constexpr size_t pack_size = 0;
template <class T, size_t N>
inline constexpr size_t pack_size<Pack<T, N>> = N;

template <class... A>
inline constexpr size_t widest = std::max({pack_size<A>...});
template <class... A>
concept AnyPack = widest<A...> > 0;

// Vector i of a pack. A number or a single vector stands for a pack of equal vectors.
template <class T>
AEVB_INLINE const T& at(const T& x, size_t) {
  return x;
}
template <class T, size_t N>
AEVB_INLINE const T& at(const Pack<T, N>& x, size_t i) {
  return x.v[i];
}

template <size_t N, class F>
AEVB_INLINE auto make_pack(F f) {
  Pack<decltype(f(size_t{0})), N> out;
#pragma GCC unroll 8
  for (size_t i = 0; i < N; ++i) out.v[i] = f(i);
  return out;
}

#define AEVB_PACK_FUNCTION(name)                                                               \
  template <class... A>                                                                        \
    requires AnyPack<A...>                                                                     \
  AEVB_INLINE auto name(const A&... a) {                                                       \
    return make_pack<widest<A...>>(                                                            \
        [&](size_t i) __attribute__((always_inline)) { return AEVB_ISA::name(at(a, i)...); }); \
  }
AEVB_PACK_FUNCTION(fma)
AEVB_PACK_FUNCTION(min)
AEVB_PACK_FUNCTION(max)
AEVB_PACK_FUNCTION(sqrt)
AEVB_PACK_FUNCTION(select)
AEVB_PACK_FUNCTION(as_ints)
AEVB_PACK_FUNCTION(as_vec)
AEVB_PACK_FUNCTION(to_float)
AEVB_PACK_FUNCTION(round_to_int)
AEVB_PACK_FUNCTION(add_over_sqrt)
AEVB_PACK_FUNCTION(over_sqrt)
#undef AEVB_PACK_FUNCTION

#define AEVB_PACK_OPERATOR(op)                                                          \
  template <class A, class B>                                                           \
    requires AnyPack<A, B>                                                              \
  AEVB_INLINE auto operator op(const A& a, const B& b) {                                \
    return make_pack<widest<A, B>>(                                                     \
        [&](size_t i) __attribute__((always_inline)) { return at(a, i) op at(b, i); }); \
  }
AEVB_PACK_OPERATOR(+)
AEVB_PACK_OPERATOR(-)
AEVB_PACK_OPERATOR(*)
AEVB_PACK_OPERATOR(/)
AEVB_PACK_OPERATOR(<)
AEVB_PACK_OPERATOR(>)
AEVB_PACK_OPERATOR(>=)
AEVB_PACK_OPERATOR(==)
AEVB_PACK_OPERATOR(&)
AEVB_PACK_OPERATOR(|)
AEVB_PACK_OPERATOR(<<)
AEVB_PACK_OPERATOR(>>)
#undef AEVB_PACK_OPERATOR

template <class A>
  requires AnyPack<A>
AEVB_INLINE auto operator-(const A& a) {
  return make_pack<pack_size<A>>([&](size_t i) __attribute__((always_inline)) { return -a.v[i]; });
}

template <size_t N>
AEVB_INLINE auto load(const float* p) {
  return make_pack<N>([&](size_t i) __attribute__((always_inline)) { return load(p + i * W); });
}
template <size_t N>
AEVB_INLINE void store(float* p, const Vecs<N>& x) {
#pragma GCC unroll 8
  for (size_t i = 0; i < N; ++i) store(p + i * W, x.v[i]);
}

// A mask over N vectors: the first n lanes are set, the rest are clear.
template <size_t N>
AEVB_INLINE auto first_lanes(size_t n) {
  return make_pack<N>([&](size_t i)
                          __attribute__((always_inline)) { return first_lanes(n - i * W); });
}

// Adds the vectors of x to `total`, one after the other.
template <size_t N>
AEVB_INLINE Vec add(Vec total, const Vecs<N>& x) {
#pragma GCC unroll 8
  for (size_t i = 0; i < N; ++i) total += x.v[i];
  return total;
}

template <size_t N>
AEVB_INLINE Vec multiply(Vec product, const Vecs<N>& x) {
#pragma GCC unroll 8
  for (size_t i = 0; i < N; ++i) product *= x.v[i];
  return product;
}

// Calls f(std::integral_constant N, column) for all columns of a row: packs of N vectors as long as
// they fit, then smaller packs.
template <size_t N = 4, class F>
AEVB_INLINE void for_packs(size_t n_cols, F f, size_t column = 0) {
  if constexpr (N > 0) {
    for (; column + (N - 1) * W < n_cols; column += N * W)
      f(std::integral_constant<size_t, N>(), column);
    for_packs<N / 2>(n_cols, f, column);
  }
}

}  // namespace
}  // namespace aevb::AEVB_ISA

#pragma GCC diagnostic pop
