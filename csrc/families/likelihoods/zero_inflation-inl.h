// More zeros than a distribution p0 of counts has, with the probability pi = sigmoid(l):
//   p(0|z) = pi + (1 - pi) p0(0|z),  p(x|z) = (1 - pi) p0(x|z) for x > 0.
#pragma once

#include "families/likelihoods/likelihood-inl.h"

namespace aevb::AEVB_ISA {
namespace {

template <size_t N>
struct Inflated {
  Vecs<N> log_p;
  Vecs<N> d_zero_logit;
  Vecs<N> share;  // the derivative by log p0
};

// With A = (1 - pi) (1 - p0), log p(0|z) = log(1 - A). The logarithm of a sum is used where A is
// close to 1.
template <size_t N>
AEVB_INLINE Inflated<N> inflate_zeros(const Vecs<N>& x, const Vecs<N>& l, const Vecs<N>& log_p0) {
  const auto is_zero = x < 0.5f;
  const auto difference = l - log_p0;
  const auto structural = sigmoid(difference);  // the probability that a 0 is one
  const auto a = -sigmoid(-l) * expm1(log_p0);
  const auto log_not_pi = -softplus(l);
  const auto log_sum = max(l, log_p0) + log1p(exp_minus_abs(difference)) + log_not_pi;
  const auto log_zero = select(a < 0.5f, log1p(-a), log_sum);
  return {select(is_zero, log_zero, log_p0 + log_not_pi),
          select(is_zero, structural * a, -sigmoid(l)),
          select(is_zero, sigmoid(-difference), set1(1.0f))};
}

// (1 - pi) e^a, which is finite also where e^a is not.
template <size_t N>
AEVB_INLINE Vecs<N> inflated_mean(const Vecs<N>& a, const Vecs<N>& l) {
  return exp(a - softplus(l));
}

// Calls draw(mean of p0) for a count of p0. Where pi rounds to 1, the count is always 0, so that
// 1 / (1 - pi) is finite.
template <class Draw>
float draw_inflated(float mean, float l, Generator& generator, Draw draw) {
  const double pi = 1.0 / (1.0 + std::exp(-double{l}));
  if (generator.uniform() < pi) return 0.0f;
  return draw(mean * (1.0 + std::exp(double{l})));
}

// The outputs for a count part with the mean mu, where a variance `excess` above the mean comes
// from zeros: mean = (1 - pi) mu and excess = mean pi mu. Returns mu.
inline double start_zeros(double mean, double excess, double* log_mean, double* zero_logit) {
  const double more = std::clamp(excess / mean, 0.01 * mean, 99.0 * mean);  // pi mu
  *zero_logit = std::log(more / mean);
  *log_mean = std::log(mean + more);
  return mean + more;
}

}  // namespace
}  // namespace aevb::AEVB_ISA
