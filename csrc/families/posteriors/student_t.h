// Student's t with nu = 5 degrees of freedom, so that e has a variance, 5 / 3, and a kurtosis. By
// Bailey's polar method: e = sqrt(nu (u^(-2 / nu) - 1)) cos(2 pi v).
#pragma once

#include "families/posteriors/posterior-inl.h"

namespace aevb::AEVB_ISA {
namespace {

struct StudentTNoise {
  static constexpr const char* name = "student-t";
  static constexpr const char* text =
      "Student's t with 5 degrees of freedom, whose tails are powers of z";
  static constexpr const char* prior = "standard-normal";
  static constexpr LatentNoise noise = LatentNoise::uniform;
  static constexpr size_t n_noise = 2;
  static constexpr float mean = 0.0f, variance = 1.66666667f, scale = 1.29099445f;
  static constexpr float entropy = 1.62750268f;  // 3 (psi(3) - psi(5/2)) + log(sqrt(5) B(5/2, 1/2))

  static AEVB_INLINE Vec draw(const Vec* noise) {
    const Vec radius = sqrt(5.0f * expm1(0.4f * Uniform(noise[0]).exponential()));
    return radius * sin_cos_2pi(noise[1]).cos;
  }
  static AEVB_INLINE Vec log_density(Vec e) {
    return -0.968619589f - 3.0f * log(fma(0.2f * e, e, set1(1.0f)));
  }
  static AEVB_INLINE Vec slope(Vec e) { return -6.0f * e / fma(e, e, set1(5.0f)); }
};
using StudentTPosterior = LocationScale<StudentTNoise>;

}  // namespace
}  // namespace aevb::AEVB_ISA
