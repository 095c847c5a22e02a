// Unconstrained coordinates u of z, in which Markov chains move: z = u on the real line, e^u above
// 0, 1 / (1 + e^-u) in (0, 1). On the simplex z_j = e^u_j / S with S the sum of all e^u_j; S is a
// variable of its own, independent of z, with the distribution Gamma(J, 1).
#pragma once

#include "base/view.h"
#include "families/info.h"

namespace aevb {

class Coordinates {
 public:
  explicit Coordinates(LatentSupport support) : support_(support) {}

  bool are_latent() const { return support_ == LatentSupport::real; }  // u is z
  void to_latent(const float* u, size_t n, float* z) const;
  // On the simplex S is `sum`, or is drawn.
  void from_latent(const float* z, size_t n, double sum, float* u) const;
  void from_latent(const float* z, size_t n, uint64_t seed, uint64_t id, float* u) const;
  // log |dz / du|; on the simplex, with the density of S
  double log_volume(const float* u, size_t n) const;
  // Replaces the gradient of a log-density of z by that of the log-density of u.
  void pull_back(const float* u, const float* z, size_t n, float* gradient) const;
  // S of u; 1 for other supports
  double sum(const float* u, size_t n) const;

 private:
  LatentSupport support_;
};

}  // namespace aevb
