#include "posterior/kernel_density.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace aevb {
namespace {

constexpr size_t kDrawsPerDimension = 4;  // with fewer, a Gaussian in place of the kernel density
constexpr double kLeastSpread = 1e-150;   // for a chain that never moved
constexpr int kBandwidths = 10;           // Scott's rule times e^((i - 5) / 2), as in Kingma's code

// The draws of one row in double, and a density fitted to them.
class RowDensity {
 public:
  RowDensity(size_t n_draws, size_t dim)
      : n_(n_draws),
        dim_(dim),
        is_gaussian_(n_draws < kDrawsPerDimension * dim),
        draws_(n_draws * dim),
        at_(dim),
        mean_(dim),
        spread_(dim),
        log_kernel_(n_draws) {}

  // `fit` is the row's first draw. Successive draws are `stride` apart.
  void set(const float* fit, size_t stride) {
    for (size_t l = 0; l < n_; ++l) std::copy_n(fit + l * stride, dim_, draws_.data() + l * dim_);
    find_moments();
    width_ = is_gaussian_ ? 1.0 : best_factor() * scott(n_);
  }

  double log_density(const float* z) {
    std::copy_n(z, dim_, at_.data());
    return is_gaussian_ ? log_gaussian(at_.data(), mean_.data(), width_)
                        : log_mixture(at_.data(), n_, width_);
  }

 private:
  double scott(size_t n) const {
    return std::pow(static_cast<double>(n), -1.0 / (static_cast<double>(dim_) + 4.0));
  }

  void find_moments() {
    const auto n = static_cast<double>(n_);
    for (size_t j = 0; j < dim_; ++j) {
      double sum = 0.0, squares = 0.0;
      for (size_t l = 0; l < n_; ++l) sum += draws_[l * dim_ + j];
      mean_[j] = sum / n;
      for (size_t l = 0; l < n_; ++l) squares += std::pow(draws_[l * dim_ + j] - mean_[j], 2);
      spread_[j] = std::max(std::sqrt(squares / (n - 1.0)), kLeastSpread);
    }
  }

  // The log-density at z of a Gaussian about `centre`, of `width` standard deviations.
  double log_gaussian(const double* z, const double* centre, double width) const {
    double sum = 0.0;
    for (size_t j = 0; j < dim_; ++j) {
      const double u = (z[j] - centre[j]) / (width * spread_[j]);
      sum -= 0.5 * u * u + kHalfLog2Pi + std::log(width * spread_[j]);
    }
    return sum;
  }

  // The log-density at z of the mean of Gaussians about the first n draws.
  double log_mixture(const double* z, size_t n, double width) {
    double largest = -std::numeric_limits<double>::infinity();
    for (size_t l = 0; l < n; ++l) {
      log_kernel_[l] = log_gaussian(z, draws_.data() + l * dim_, width);
      largest = std::max(largest, log_kernel_[l]);
    }
    if (std::isinf(largest)) return largest;
    double sum = 0.0;
    for (size_t l = 0; l < n; ++l) sum += std::exp(log_kernel_[l] - largest);
    return largest + std::log(sum / static_cast<double>(n));
  }

  double best_factor() {
    const size_t half = n_ / 2;
    double best = 1.0, best_score = -std::numeric_limits<double>::infinity();
    for (int i = 0; i < kBandwidths; ++i) {
      const double factor = std::exp((i - 5) / 2.0);
      double score = 0.0;
      for (size_t l = half; l < n_; ++l)
        score += log_mixture(draws_.data() + l * dim_, half, factor * scott(half));
      if (score > best_score) {
        best = factor;
        best_score = score;
      }
    }
    return best;
  }

  size_t n_, dim_;
  bool is_gaussian_;
  double width_ = 1.0;
  std::vector<double> draws_, at_, mean_, spread_, log_kernel_;
};

}  // namespace

void fitted_log_density(const float* fit, size_t n_fit, const float* at, size_t n_at, size_t n_rows,
                        size_t dim, double* out, int n_threads, Cancellation& cancellation) {
  const auto team = std::clamp<size_t>(n_rows, 1, static_cast<size_t>(n_threads));
  std::vector<RowDensity> densities(team, RowDensity(n_fit, dim));
  cancellation.expect_work(static_cast<double>(n_rows));
  run_tasks(static_cast<int>(team), n_rows, cancellation, [&](Member& member, size_t r) {
    RowDensity& density = densities[member.rank()];
    density.set(fit + r * dim, n_rows * dim);
    for (size_t l = 0; l < n_at; ++l)
      out[l * n_rows + r] = density.log_density(at + (l * n_rows + r) * dim);
    cancellation.add_done(1.0);
  });
}

}  // namespace aevb
