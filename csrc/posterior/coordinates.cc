#include "posterior/coordinates.h"

#include <algorithm>
#include <cmath>

#include "base/generator.h"
#include "nn/random.h"

namespace aevb {
namespace {

// The smallest z, and the smallest distance of z from 1: the logarithms stay finite in float.
constexpr double kLeast = 1e-30, kLeastGap = 0x1p-24;

double log_of(float z) { return std::log(std::max(static_cast<double>(z), kLeast)); }

}  // namespace

void Coordinates::to_latent(const float* u, size_t n, float* z) const {
  switch (support_) {
    case LatentSupport::real:
      std::copy_n(u, n, z);
      return;
    case LatentSupport::positive:
      for (size_t j = 0; j < n; ++j) z[j] = std::exp(u[j]);
      return;
    case LatentSupport::unit_interval:
      for (size_t j = 0; j < n; ++j) z[j] = 1.0f / (1.0f + std::exp(-u[j]));
      return;
    case LatentSupport::simplex: {
      const float largest = *std::max_element(u, u + n);
      float total = 0.0f;
      for (size_t j = 0; j < n; ++j) total += z[j] = std::exp(u[j] - largest);
      for (size_t j = 0; j < n; ++j) z[j] /= total;
      return;
    }
  }
}

void Coordinates::from_latent(const float* z, size_t n, double sum, float* u) const {
  for (size_t j = 0; j < n; ++j) {
    switch (support_) {
      case LatentSupport::real:
        u[j] = z[j];
        break;
      case LatentSupport::positive:
        u[j] = static_cast<float>(log_of(z[j]));
        break;
      case LatentSupport::unit_interval: {
        const double gap = std::max(1.0 - static_cast<double>(z[j]), kLeastGap);
        u[j] = static_cast<float>(log_of(z[j]) - std::log(gap));
        break;
      }
      case LatentSupport::simplex:
        u[j] = static_cast<float>(log_of(z[j]) + std::log(sum));
        break;
    }
  }
}

void Coordinates::from_latent(const float* z, size_t n, uint64_t seed, uint64_t id,
                              float* u) const {
  const uint32_t key[2] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  Generator generator(key, stream(Purpose::coordinate), id, 0);
  double sum = 0.0;  // of n standard exponentials
  for (size_t j = 0; j < n && support_ == LatentSupport::simplex; ++j)
    sum -= std::log(generator.uniform());
  from_latent(z, n, sum, u);
}

double Coordinates::sum(const float* u, size_t n) const {
  if (support_ != LatentSupport::simplex) return 1.0;
  double total = 0.0;
  for (size_t j = 0; j < n; ++j) total += std::exp(static_cast<double>(u[j]));
  return total;
}

double Coordinates::log_volume(const float* u, size_t n) const {
  double volume = 0.0;
  for (size_t j = 0; j < n; ++j) {
    const auto uj = static_cast<double>(u[j]);
    switch (support_) {
      case LatentSupport::real:
        break;
      case LatentSupport::positive:
        volume += uj;
        break;
      case LatentSupport::unit_interval:
        volume -= std::abs(uj) + 2.0 * std::log1p(std::exp(-std::abs(uj)));
        break;
      case LatentSupport::simplex:  // log Gamma(e^u; 1, 1) + u, less log of Dirichlet's constant
        volume += uj - std::exp(uj) - (j > 0 ? std::log(static_cast<double>(j)) : 0.0);
        break;
    }
  }
  return volume;
}

void Coordinates::pull_back(const float* u, const float* z, size_t n, float* gradient) const {
  switch (support_) {
    case LatentSupport::real:
      return;
    case LatentSupport::positive:
      for (size_t j = 0; j < n; ++j) gradient[j] = gradient[j] * z[j] + 1.0f;
      return;
    case LatentSupport::unit_interval:
      for (size_t j = 0; j < n; ++j)
        gradient[j] = gradient[j] * z[j] * (1.0f - z[j]) + 1.0f - 2.0f * z[j];
      return;
    case LatentSupport::simplex: {
      double mean = 0.0;
      for (size_t j = 0; j < n; ++j)
        mean += static_cast<double>(gradient[j]) * static_cast<double>(z[j]);
      for (size_t j = 0; j < n; ++j) {
        gradient[j] = z[j] * (gradient[j] - static_cast<float>(mean)) + 1.0f - std::exp(u[j]);
      }
      return;
    }
  }
}

}  // namespace aevb
