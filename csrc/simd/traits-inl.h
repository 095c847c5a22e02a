// Properties of the instruction set that the including file is compiled for.
#pragma once

#include <cstddef>

#define AEVB_INLINE inline __attribute__((always_inline))

// Attribute of a function that computes the sums of a tile. With few registers it is not inlined.
#if defined(__AVX512F__)
#define AEVB_TILE AEVB_INLINE
#else
#define AEVB_TILE __attribute__((noinline))
#endif

namespace aevb::AEVB_ISA {
namespace {

#if defined(__AVX512F__)
inline constexpr size_t W = 16;           // lanes of a vector of floats
inline constexpr size_t kRegisters = 32;  // vector registers
#elif defined(__AVX2__)
inline constexpr size_t W = 8;
inline constexpr size_t kRegisters = 16;
#else
inline constexpr size_t W = 4;
inline constexpr size_t kRegisters = 16;
#endif

// Whether a tile of 20 sums and its operands stay in registers through a loop.
inline constexpr bool kManyRegisters = kRegisters >= 32;

}  // namespace
}  // namespace aevb::AEVB_ISA
