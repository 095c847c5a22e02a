// log p(x, z) of the generative model as a density of z's coordinates u, for a block of rows of x
// at a time.
#pragma once

#include <numeric>

#include "engine/pass.h"
#include "parallel/cancellation.h"
#include "posterior/coordinates.h"

namespace aevb {

// The noise of a block's dynamic binarisation. By default there is none, and x keeps its grey
// levels.
struct PixelNoise {
  NoiseBy by = NoiseBy::nothing;
  uint64_t seed = 0;
  const uint64_t* ids = nullptr;  // (n,) for NoiseBy::id
};

// A density for one thread: it runs the phases as a team of one, so blocks need no barriers.
class PosteriorDensity {
 public:
  // For blocks of up to most_rows rows, with n_draws z for each; with `holes` values of x may be
  // missing. `transposed` must hold the model's weights at each evaluation. Several densities share
  // it.
  PosteriorDensity(const Model& model, const TransposedDecoder& transposed, size_t most_rows,
                   bool holes, size_t n_draws = 1);

  void set_rows(const Table& table, const int64_t* index, size_t n, const PixelNoise& noise = {});
  const uint64_t* content_ids();  // of the block's rows, see nn/random.h

  // Computes the outputs of the encoder for the block's rows.
  void encode();
  // Mean and standard deviation of q(z|x) -> (n, J), after encode().
  void moments(MatView mean, MatView deviation);
  // Draws z (n * n_draws, J) from q(z|x), after encode(). ids: one per draw.
  ConstMatView draw_encoded(uint64_t seed, const uint64_t* ids);
  // log q(z|x) (n * n_draws,) at the z of the last evaluation, and its gradient for z, whose row
  // stride is that of a matrix of J columns; after encode().
  const float* encoded_density(MatView gradient);

  // log p(x, u), unless log_p is null, and its gradient for u (n * n_draws, J). The draws of a row
  // are consecutive. The views may have any row stride.
  void operator()(ConstMatView u, double* log_p, MatView gradient);
  // z at the last evaluation.
  const float* z(size_t i) { return ws_.z().row(i); }
  const Coordinates& coordinates() const { return coordinates_; }

 private:
  Pass pass() { return Pass(model_, ws_, n_, {0}); }

  const Model& model_;
  Coordinates coordinates_;
  Workspace ws_;
  SerialTeam serial_;
  size_t n_ = 0;
};

// The density of a table's rows, one per chain (mcmc/chains.h).
class TablePosterior {
 public:
  TablePosterior(const Model& model, const TransposedDecoder& transposed, const Table& table,
                 size_t most_rows)
      : density_(model, transposed, most_rows, table.x.holes), table_(table), index_(most_rows) {}
  void set_block(size_t first, size_t n) {
    std::iota(index_.begin(), index_.end(), static_cast<int64_t>(first));
    density_.set_rows(table_, index_.data(), n);
  }
  void operator()(ConstMatView z, double* log_p, MatView gradient) { density_(z, log_p, gradient); }

 private:
  PosteriorDensity density_;
  const Table& table_;
  std::vector<int64_t> index_;
};

// Content ids of the rows index[0 .. n) -> out (n,).
void content_ids(const Model& model, const Table& table, const int64_t* index, size_t n,
                 uint64_t* out);

// The coordinates of a model's z.
inline Coordinates coordinates_of(const Model& model) {
  return Coordinates(kernels().priors[model.config().prior].info.support);
}

// log p(x, u) of n_draws u for each row of x, u (n_draws, n_rows, J) dense -> out (n_draws,
// n_rows). On the real line that is log p(x, z).
void log_joint(const Model& model, const Table& table, const float* u, size_t n_draws, double* out,
               int n_threads, Cancellation& cancellation);

// log p(x, z) of a row of z, after decode_likelihood.
double log_joint_of(const Pass& pass, size_t drawn_row, const float* z);

}  // namespace aevb
