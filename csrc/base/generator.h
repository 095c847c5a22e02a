// A random generator for draws that need an unknown number of uniforms.
#pragma once

#include <cstdint>

namespace aevb {
namespace {  // included under the flags of several instruction sets

// SplitMix64 (Steele, Lea, Flood 2014). The key, the stream, the row's id and the column give its
// first state, as they determine all noise.
class Generator {
 public:
  Generator(const uint32_t (&key)[2], uint32_t stream, uint64_t id, uint64_t column)
      : state_(mix(uint64_t{key[1]} << 32 | key[0])) {
    state_ = mix(state_ + stream);
    state_ = mix(state_ + id);
    state_ = mix(state_ + column);
  }
  // Uniform in (0, 1).
  double uniform() {
    state_ += kGolden;
    return (static_cast<double>(mix(state_) >> 11) + 0.5) * 0x1p-53;
  }

 private:
  static constexpr uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
  static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
  }
  uint64_t state_;
};

}  // namespace
}  // namespace aevb
