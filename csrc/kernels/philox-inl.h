// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011) in W lanes.
#pragma once

#include "simd/vec-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct Counter {
  Words c0, c1, c2, c3;
};

AEVB_INLINE Counter philox_round(Counter c, Words k0, Words k1) {
  const Words m0 = set1(0xd2511f53u);
  const Words m1 = set1(0xcd9e8d57u);
  return {mul_high(m1, c.c2) ^ c.c1 ^ k0, m1 * c.c2, mul_high(m0, c.c0) ^ c.c3 ^ k1, m0 * c.c0};
}

AEVB_INLINE Counter philox_block(Counter c, const uint32_t key[2]) {
  uint32_t k0 = key[0];
  uint32_t k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    c = philox_round(c, set1(k0), set1(k1));
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  return c;
}

}  // namespace
}  // namespace aevb::AEVB_ISA
