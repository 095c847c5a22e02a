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
  // method for generating gamma variables"). A shape below 1 takes z u^(1/shape), where z has the
  // shape + 1. The logarithm does not underflow for small shapes.
  double log_gamma(double shape) {
    if (!(shape > 0.0 && shape < 1.0)) return log_gamma_above(shape - 1.0 / 3.0);
    const double above = log_gamma_above(shape + 2.0 / 3.0);
    return above + std::log(uniform()) / shape;
  }
  // The same for a shape d + 1/3 of at least 1. No proposal would ever be accepted for a d that is
  // not finite and positive; its draw is NaN.
  double log_gamma_above(double d) {
    if (!(d > 0.0 && d < std::numeric_limits<double>::infinity()))
      return std::numeric_limits<double>::quiet_NaN();
    const double scale = 1.0 / (3.0 * std::sqrt(d));
    double t, log_w;
    do {
      const double radius = std::sqrt(-2.0 * std::log(uniform()));
      t = scale * radius * std::cos(6.28318530717958647692 * uniform());
      log_w = t > -1.0 ? std::log1p(t) : -std::numeric_limits<double>::infinity();
    } while (!(std::log(uniform()) < 3.0 * d * (log_w - t * (1.0 - t * (0.5 - t / 3.0)))));
    return std::log(d) + 3.0 * log_w;
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
