// The interface of a posterior whose components are independent: a type with
//
//   info                        its name, outputs and noise (families/info.h)
//   sample(o, noise)            z of some components
//   log_density(o, z)           log q(z|x) of each
//   gradient(o, z, dz, d)       its derivatives: with respect to z, and to each output with z fixed
//   pathwise(o, noise, z, d)    dz / d output, with the noise fixed
//   moments(o, mean, sd)        the mean and the standard deviation of z, or, where there are none
//                               in closed form, the median and half the distance of the quartiles
//
// and, if info.has_kl, for the standard prior that info names
//
//   minus_kl(o)                 -KL(q(z|x) || p(z)) of each component
//   minus_kl_gradient(o, d)     its derivatives
//
// where each function treats one vector of components; o are the encoder's outputs.
//
// If the components depend on each other, info.is_factorized is false, and the type has functions
// of a whole row instead. t is LatentRows (kernels/kernels.h), m a data row and l a draw of it:
//
//   draw(t, m, l)               writes z; returns its log q(z|x)
//   log_density(t, m, l)        log q(z|x) of a given z
//   slope(t, m, l)              dz = its derivatives
//   backward(t, m)              doutputs, from dz (the gradient for z without that of log q(z|x))
//                               and from the draws' weights `density` and `score`
//   recognize(t, m)             doutputs = the gradient of log q(z|x) with z fixed
//   moments(t, m, mean, sd)
//   minus_kl(t, m)              if info.has_kl, as above, of the row
//   kl(t, m, out)               the row's KL divergence as out[0], 0 as the others
#pragma once

#include "families/info.h"
#include "simd/math-inl.h"

namespace aevb::AEVB_ISA {
namespace {

// A uniform number in (0, 1) and its complement, both accurate near 0. Noise has 24 bits, and is
// moved to the middle of its interval.
struct Uniform {
  Vec value, complement;
  explicit AEVB_INLINE Uniform(Vec noise)
      : value(noise + 0x1p-25f), complement((1.0f - noise) - 0x1p-25f) {}

  // An exponential variable -log u, accurate near 0, too, and never 0: the logarithm is corrected
  // for the rounding of u.
  AEVB_INLINE Vec exponential() const {
    const Vec lost = select(value < 0.5f, Vec{}, (1.0f - value) - complement);
    return -(log(value) + lost / value);
  }
};

// Logarithms of positive z, scales and shapes are kept within +-kMostLog. So z, 1 / z and products
// of some of these are finite in float32.
constexpr float kMostLog = 60.0f;
AEVB_INLINE Vec limited(Vec x, float most) { return min(set1(most), max(set1(-most), x)); }
AEVB_INLINE Vec limited_exp(Vec x) { return exp(limited(x, kMostLog)); }
AEVB_INLINE Vec limited_expm1(Vec x) { return expm1(min(set1(40.0f), x)); }  // x >= 0
// z, which chains may have rounded to 0, as a divisor
AEVB_INLINE Vec above_zero(Vec z) { return max(set1(1.17549435e-38f), z); }

// log q(z|x) where q is 0. It is finite, so its product with an annealing weight of 0 is 0.
constexpr float kOutside = -1e30f;
// How far rounding may move log z, of about this size, from where it was drawn.
AEVB_INLINE Vec log_rounding(Vec x) { return fma(max(x, -x), set1(0x1p-20f), set1(0x1p-20f)); }

// An e of LocationScale (below) that lies in [-1, 1]: it says whether its density is continuous at
// the ends.
template <class E>
concept Bounded = requires { E::is_continuous; };
template <class E>
constexpr bool kHasScore = true;
template <Bounded E>
constexpr bool kHasScore<E> = E::is_continuous;

// The sum of f(j), a vector of components from j on, over n components.
template <class F>
AEVB_INLINE float sum_components(size_t n, F f) {
  Vec total = {};
  for (size_t j = 0; j < n; j += W) total += select(first_lanes(n - j), f(j), Vec{});
  return sum(total);
}

// z = location + scale e, where e has a distribution without parameters: section 2.4's second
// approach. E has
//
//   name, text, prior           as in PosteriorInfo
//   noise, n_noise
//   draw(noise)                 e
//   log_density(e), slope(e)    and its derivative
//   mean, variance, entropy     of e; without a variance, variance is infinite
//   scale                       the standard deviation of e, or another scale
//   is_continuous               only if e lies in [-1, 1]: see Bounded
//
// The standard prior of an e with a variance is N(0, 1): E[log p(z)] then needs the first two
// moments of z alone.
template <class E>
struct LocationScale {
  static constexpr bool has_variance = E::variance < 1e30f;
  static constexpr PosteriorInfo info = {.name = E::name,
                                         .text = E::text,
                                         .support = LatentSupport::real,
                                         .prior = E::prior,
                                         .noise = E::noise,
                                         .n_noise = E::n_noise,
                                         .n_outputs = 2,
                                         .outputs = {"location", "log_scale"},
                                         .has_kl = has_variance,
                                         .has_score = kHasScore<E>};

  static AEVB_INLINE Vec sample(const Vec* o, const Vec* noise) {
    return fma(exp(o[1]), E::draw(noise), o[0]);
  }
  static AEVB_INLINE Vec log_density(const Vec* o, Vec z) {
    const Vec inverse = exp(-o[1]), e = (z - o[0]) * inverse;
    const Vec inside = E::log_density(e) - o[1];
    if constexpr (Bounded<E>) {  // z may be rounded to slightly beyond an end
      const Vec end = fma(max(o[0], -o[0]) * inverse, set1(0x1p-22f), set1(1.0f + 0x1p-22f));
      return select(max(e, -e) > end, set1(kOutside), inside);
    }
    return inside;
  }
  static AEVB_INLINE void gradient(const Vec* o, Vec z, Vec& dz, Vec* d) {
    const Vec inverse = exp(-o[1]), e = (z - o[0]) * inverse;
    const Vec slope = E::slope(e);
    dz = slope * inverse;
    d[0] = -dz;
    d[1] = -fma(slope, e, set1(1.0f));
  }
  static AEVB_INLINE void pathwise(const Vec* o, const Vec*, Vec z, Vec* d) {
    d[0] = set1(1.0f);
    d[1] = z - o[0];
  }
  static AEVB_INLINE void moments(const Vec* o, Vec& mean, Vec& sd) {
    const Vec scale = exp(o[1]);
    mean = fma(scale, set1(E::mean), o[0]);
    sd = E::scale * scale;
  }
  static AEVB_INLINE Vec minus_kl(const Vec* o) {
    constexpr float kConstant = E::entropy - 0.918938533f;  // log(2 pi) / 2
    const Vec scale = exp(o[1]), mean = fma(scale, set1(E::mean), o[0]);
    return o[1] + kConstant - 0.5f * fma(mean, mean, E::variance * scale * scale);
  }
  static AEVB_INLINE void minus_kl_gradient(const Vec* o, Vec* d) {
    const Vec scale = exp(o[1]), mean = fma(scale, set1(E::mean), o[0]);
    d[0] = -mean;
    d[1] = 1.0f - scale * fma(set1(E::mean), mean, E::variance * scale);
  }
};

}  // namespace
}  // namespace aevb::AEVB_ISA
