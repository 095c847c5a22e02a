#include "posterior/annealed_likelihood.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "mcmc/annealing.h"
#include "posterior/density.h"

namespace aevb {
namespace {

constexpr size_t kChainsTogether = 50;  // chains of a row that run at once; results depend on it
constexpr size_t kMostChains = 200;     // in lockstep: keeps their activations in L2
constexpr size_t kLeastBlocks = 16;     // of many rows, for threads to share
constexpr float kFirstStep = 0.5f;      // for a standard Gaussian in some tens of dimensions

// p(x, z)^beta q(z)^(1 - beta), with q the prior or the encoder's q(z|x). If q is Gaussian, the
// chains move in u, where z = mean + sd * u: q is a standard Gaussian of u. Otherwise they move in
// z's coordinates.
class TemperedPosterior {
 public:
  TemperedPosterior(const Model& model, const TransposedDecoder& transposed, size_t most_rows,
                    bool holes, size_t n_chains, bool from_encoder)
      : posterior_(model, transposed, most_rows, holes, n_chains),
        prior_(kernels().priors[model.config().prior]),
        from_encoder_(from_encoder),
        is_affine_(model.config().prior == 0 && (!from_encoder || model.config().posterior == 0)),
        n_chains_(n_chains),
        mean_(most_rows, model.config().n_latent),
        sd_(most_rows, model.config().n_latent),
        log_volume_(most_rows),
        z_(most_rows * n_chains, model.config().n_latent),
        log_ratio_(most_rows * n_chains) {}

  void set_rows(const Table& table, const int64_t* index, size_t n, const PixelNoise& noise) {
    posterior_.set_rows(table, index, n, noise);
    if (from_encoder_) posterior_.encode();
    if (!is_affine_) return;
    const MatView mean = mean_.view(n), sd = sd_.view(n);
    if (from_encoder_) posterior_.moments(mean, sd);
    for (size_t r = 0; r < n; ++r) {
      log_volume_[r] = 0.0;
      for (size_t j = 0; j < mean.cols; ++j) {
        if (!from_encoder_) {
          mean.row(r)[j] = 0.0f;
          sd.row(r)[j] = 1.0f;
        }
        log_volume_[r] += std::log(static_cast<double>(sd.row(r)[j]));
      }
    }
  }
  const uint64_t* content_ids() { return posterior_.content_ids(); }

  // The chain's z at its last evaluation.
  const float* z(size_t chain) { return is_affine_ ? z_.view().row(chain) : posterior_.z(chain); }

  // Puts the chains at draws from q. ids: one per chain.
  void start(uint64_t seed, const uint64_t* ids, MatView u) {
    NoiseRows noise = noise_rows(seed, stream(Purpose::annealed), ids, u.rows, 1, u);
    if (is_affine_) return kernels().normal(noise);
    const MatView z = z_.view(u.rows);
    noise.out = z.data;
    if (!from_encoder_) prior_.draw(noise);
    const ConstMatView drawn = from_encoder_ ? posterior_.draw_encoded(seed, ids) : z;
    for (size_t c = 0; c < u.rows; ++c)
      posterior_.coordinates().from_latent(drawn.row(c), u.cols, seed, ids[c], u.row(c));
  }

  // Puts every chain of row r at one z.
  void start_at(size_t r, const float* z, uint64_t seed, const uint64_t* ids, MatView u) {
    for (size_t c = r * n_chains_; c < (r + 1) * n_chains_; ++c) {
      if (!is_affine_) {
        posterior_.coordinates().from_latent(z, u.cols, seed, ids[c], u.row(c));
        continue;
      }
      for (size_t j = 0; j < u.cols; ++j)
        u.row(c)[j] = (z[j] - mean_.view().row(r)[j]) / sd_.view().row(r)[j];
    }
  }

  void set_beta(double beta) { beta_ = beta; }
  const double* log_ratio() const { return log_ratio_.data(); }

  void operator()(ConstMatView u, double* log_p, MatView gradient) {
    is_affine_ ? evaluate_affine(u, log_p, gradient) : evaluate(u, log_p, gradient);
  }

 private:
  void evaluate_affine(ConstMatView u, double* log_p, MatView gradient) {
    const MatView z = z_.view(u.rows);
    for (size_t c = 0; c < u.rows; ++c) {
      const float* mean = mean_.view().row(c / n_chains_);
      const float* sd = sd_.view().row(c / n_chains_);
      for (size_t j = 0; j < u.cols; ++j) z.row(c)[j] = mean[j] + sd[j] * u.row(c)[j];
    }
    posterior_(z, log_p, gradient);
    const auto warm = static_cast<float>(beta_);
    for (size_t c = 0; c < u.rows; ++c) {
      const float* sd = sd_.view().row(c / n_chains_);
      const float* uc = u.row(c);
      float* g = gradient.row(c);
      double log_base = -kHalfLog2Pi * static_cast<double>(u.cols);
      for (size_t j = 0; j < u.cols; ++j) {
        log_base -= 0.5 * static_cast<double>(uc[j]) * static_cast<double>(uc[j]);
        g[j] = warm * sd[j] * g[j] - (1.0f - warm) * uc[j];
      }
      if (log_p == nullptr) continue;
      log_ratio_[c] = log_p[c] + log_volume_[c / n_chains_] - log_base;
      log_p[c] = log_base + beta_ * log_ratio_[c];
    }
  }

  // z_ holds the gradient of log q for z, then for u.
  void evaluate(ConstMatView u, double* log_p, MatView gradient) {
    posterior_(u, log_p, gradient);
    const MatView slope = z_.view(u.rows);
    const float* log_q = from_encoder_ ? posterior_.encoded_density(slope) : nullptr;
    const Coordinates& coordinates = posterior_.coordinates();
    const auto warm = static_cast<float>(beta_);
    for (size_t c = 0; c < u.rows; ++c) {
      const float* z = posterior_.z(c);
      if (!from_encoder_) {
        std::fill_n(slope.row(c), u.cols, 0.0f);
        prior_.add_gradient(1.0f, z, u.cols, slope.row(c));
      }
      coordinates.pull_back(u.row(c), z, u.cols, slope.row(c));
      float* g = gradient.row(c);
      for (size_t j = 0; j < u.cols; ++j) g[j] = warm * g[j] + (1.0f - warm) * slope.row(c)[j];
      if (log_p == nullptr) continue;
      const double log_base =
          (from_encoder_ ? static_cast<double>(log_q[c]) : prior_.log_density(z, u.cols)) +
          coordinates.log_volume(u.row(c), u.cols);
      log_ratio_[c] = log_p[c] - log_base;
      log_p[c] = log_base + beta_ * log_ratio_[c];
    }
  }

  PosteriorDensity posterior_;
  const PriorKernels& prior_;
  bool from_encoder_;
  bool is_affine_;  // q is Gaussian
  size_t n_chains_;
  Matrix mean_, sd_;                // (rows, J), of a Gaussian q
  std::vector<double> log_volume_;  // (rows,): the sum of log sd
  Matrix z_;
  std::vector<double> log_ratio_;
  double beta_ = 0.0;
};

// Chains of a row that run at once: the same number in each pass, with few more than needed.
size_t chains_together(size_t n_chains) {
  return ceil_div(n_chains, ceil_div(n_chains, kChainsTogether));
}

// One thread's work on a block of rows.
class Annealer {
 public:
  Annealer(const Model& model, const TransposedDecoder& transposed, const Annealing& options,
           bool backwards, size_t most_rows, bool holes)
      : n_chains_(chains_together(options.n_chains)),
        options_(options),
        forwards_{options.beta, options.n_leapfrog, n_chains_},
        counted_(forwards_),
        density_(model, transposed, most_rows, holes, n_chains_, options.from_encoder),
        work_(most_rows * n_chains_, model.config().n_latent),
        u_(most_rows * n_chains_, model.config().n_latent),
        gradient_(most_rows * n_chains_, model.config().n_latent),
        steps_(options.beta.size(), most_rows),
        log_p_(most_rows * n_chains_),
        log_weight_(most_rows * n_chains_),
        acceptance_(most_rows),
        weights_(most_rows),
        best_(most_rows),
        uniform_(1, options.n_chains),
        ids_(most_rows * n_chains_),
        content_(most_rows) {
    if (backwards) std::reverse(counted_.beta.begin(), counted_.beta.end());
  }

  // exact: (n, J) or null. out: from the block's first row on. After a cancellation it is unusable.
  void run(const Table& table, const int64_t* index, size_t n, const float* exact,
           const AnnealedRows& out, Cancellation& cancellation, Member& member) {
    density_.set_rows(table, index, n, {NoiseBy::content, options_.seed});
    std::copy_n(density_.content_ids(), n, content_.begin());
    std::fill_n(steps_.view().row(0), n, kFirstStep);
    std::fill_n(weights_.begin(), n, LogWeights());
    std::fill_n(best_.begin(), n, -std::numeric_limits<double>::infinity());
    std::fill_n(out.acceptance, n, 0.0);
    const size_t n_passes = ceil_div(options_.n_chains, n_chains_);
    if (!tune(n, exact != nullptr, cancellation, member)) return;
    for (size_t p = 0; p < n_passes; ++p) {
      if (!pass(n, p, counted_, exact, false, options_.seed, cancellation, member)) return;
      const size_t count = std::min(n_chains_, options_.n_chains - p * n_chains_);
      for (size_t r = 0; r < n; ++r) {
        for (size_t c = 0; c < count; ++c) weights_[r].add(log_weight_[r * n_chains_ + c]);
        out.acceptance[r] += acceptance_[r] / static_cast<double>(n_passes);
        choose(r, p * n_chains_, count, out.z + r * u_.view().cols);
      }
    }
    for (size_t r = 0; r < n; ++r) {
      out.likelihood.set(r, weights_[r]);
      if (exact != nullptr) out.likelihood.log_p[r] = -out.likelihood.log_p[r];
    }
  }

 private:
  // Tunes the step sizes for the counted passes. The tuning pass goes forwards, even for chains
  // that go back. Those start at one exact draw; step sizes tuned from it would change the weights'
  // expectation.
  bool tune(size_t n, bool backwards, Cancellation& cancellation, Member& member) {
    if (!pass(n, 0, forwards_, nullptr, true, mix64(options_.seed + 1), cancellation, member))
      return false;
    const MatView steps = steps_.view();
    const size_t last = steps.rows - 1;
    for (size_t i = 1; backwards && i < last - i; ++i)
      std::swap_ranges(steps.row(i), steps.row(i) + n, steps.row(last - i));
    return true;
  }

  bool pass(size_t n, size_t which, const AnnealingPath& path, const float* exact, bool tuning,
            uint64_t seed, Cancellation& cancellation, Member& member) {
    const size_t n_latent = u_.view().cols;
    const MatView u = u_.view(n * n_chains_);
    for (size_t c = 0; c < u.rows; ++c)
      ids_[c] = mix64(content_[c / n_chains_] + which * n_chains_ + c % n_chains_);
    if (exact == nullptr) {
      density_.start(seed, ids_.data(), u);
    } else {
      for (size_t r = 0; r < n; ++r)
        density_.start_at(r, exact + r * n_latent, seed, ids_.data(), u);
    }
    const double done = static_cast<double>(n) / static_cast<double>(path.beta.size() - 1);
    const auto go_on = [&] {
      cancellation.add_done(done);
      return cancellation.may_continue(member);
    };
    return anneal(kernels(), density_, path,
                  {u, gradient_.view(u.rows), log_p_.data(), ids_.data()}, work_, steps_.view(),
                  tuning, seed, log_weight_.data(), acceptance_.data(), go_on);
  }

  // Draws one of row r's chains, over all passes, with a probability proportional to its weight:
  // the largest log-weight plus Gumbel noise.
  void choose(size_t r, size_t first, size_t count, float* z) {
    if (first == 0)
      std::copy_n(density_.z(r * n_chains_), u_.view().cols, z);  // if no weight is > 0
    const MatView uniform = uniform_.view();
    kernels().uniform(
        noise_rows(options_.seed, stream(Purpose::chosen), content_.data() + r, 1, 1, uniform));
    for (size_t c = 0; c < count; ++c) {
      const double u = 0.5 * 0x1p-24 + static_cast<double>(uniform.row(0)[first + c]);
      const double value = log_weight_[r * n_chains_ + c] - std::log(-std::log(u));
      if (!(value > best_[r])) continue;
      best_[r] = value;
      std::copy_n(density_.z(r * n_chains_ + c), u_.view().cols, z);
    }
  }

  size_t n_chains_;  // of each row at once
  const Annealing& options_;
  AnnealingPath forwards_, counted_;
  TemperedPosterior density_;
  AnnealingWork work_;
  Matrix u_, gradient_, steps_;
  std::vector<double> log_p_, log_weight_, acceptance_;
  std::vector<LogWeights> weights_;
  std::vector<double> best_;  // (rows,): the largest noisy log-weight so far
  Matrix uniform_;
  std::vector<uint64_t> ids_, content_;
};

}  // namespace

void annealed_likelihood(const Model& model, const Table& table, Subset subset,
                         const Annealing& options, const float* exact, const AnnealedRows& out,
                         int n_threads, Cancellation& cancellation) {
  const size_t n_latent = model.config().n_latent;
  // The blocks depend on the problem alone, since a BLAS's products depend on their shapes.
  const size_t most = std::max<size_t>(1, kMostChains / chains_together(options.n_chains));
  const size_t block = std::clamp<size_t>(ceil_div(subset.size, kLeastBlocks), 1, most);
  const size_t n_blocks = ceil_div(subset.size, block);
  const double work = flops_per_row(model.network(), options.n_chains, true) *
                      static_cast<double>(subset.size * options.beta.size());
  const auto team = static_cast<size_t>(
      useful_threads(static_cast<int>(std::min(n_blocks, static_cast<size_t>(n_threads))), work));
  std::vector<int64_t> index(subset.size);
  subset_rows(model, table, subset, 0, subset.size, index.data());
  TransposedDecoder transposed(model);
  transposed.make(kernels(), model.weights());
  std::vector<std::unique_ptr<Annealer>> annealers;
  for (size_t i = 0; i < team; ++i) {
    annealers.push_back(std::make_unique<Annealer>(model, transposed, options, exact != nullptr,
                                                   block, table.x.holes));
  }
  const size_t n_passes = 1 + ceil_div(options.n_chains, chains_together(options.n_chains));
  cancellation.expect_work(static_cast<double>(subset.size * n_passes));
  run_tasks(static_cast<int>(team), n_blocks, cancellation, [&](Member& member, size_t task) {
    const size_t first = task * block;
    const size_t n = std::min(block, subset.size - first);
    const float* from = exact != nullptr ? exact + first * n_latent : nullptr;
    annealers[member.rank()]->run(table, index.data() + first, n, from, out.from(first, n_latent),
                                  cancellation, member);
  });
}

}  // namespace aevb
