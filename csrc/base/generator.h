// A random generator for draws that need an unknown number of uniforms.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

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
  double normal() {  // by Box and Muller's method
    const double radius = std::sqrt(-2.0 * std::log(uniform()));
    return radius * std::cos(6.28318530717958647692 * uniform());
  }
  // The logarithm of a draw of Gamma(shape, 1), by rejection (Marsaglia and Tsang 2000, "A simple
  // method for generating gamma variables"). For a shape below 1 it is one of shape + 1, times
  // u^(1/shape). The draw of a shape that is not finite and positive is NaN.
  double log_gamma(double shape) {
    if (!(shape > 0.0 && shape < std::numeric_limits<double>::infinity()))
      return std::numeric_limits<double>::quiet_NaN();
    if (shape < 1.0) return log_gamma(shape + 1.0) + std::log(uniform()) / shape;
    const double d = shape - 1.0 / 3;
    for (;;) {
      const double x = normal();
      const double w = 1.0 + x / (3.0 * std::sqrt(d));
      if (w <= 0.0) continue;
      const double v = w * w * w, log_v = 3.0 * std::log(w);
      if (std::log(uniform()) < 0.5 * x * x + d * (1.0 - v + log_v)) return std::log(d) + log_v;
    }
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
