// log p(x, z) of the generative model as a density of z, for a block of rows of x at a time.
#pragma once

#include "engine/pass.h"
#include "parallel/cancellation.h"

namespace aevb {

// The noise that a model's dynamic binarisation of a block draws; by default none, grey levels
// stand for themselves.
struct PixelNoise {
  NoiseBy by = NoiseBy::nothing;
  uint64_t seed = 0;
  const uint64_t* ids = nullptr;  // (n,) for NoiseBy::id
};

// One thread's own: it runs the phases alone, so that blocks need no barriers.
class PosteriorDensity {
 public:
  // For blocks of up to so many rows, with n_draws z for each, of the model as it is now.
  PosteriorDensity(const Model& model, size_t most_rows, size_t n_draws = 1);

  void set_rows(const Rows& rows, const int64_t* index, size_t n, const PixelNoise& noise = {});
  void take_weights();            // that the model has got since
  const uint64_t* content_ids();  // of the block's rows, see nn/random.h

  // Mean and log-variance of q(z|x) of the block's rows.
  void encode();
  ConstMatView mean() { return {ws_.mean().data, n_, ws_.mean().cols, ws_.mean().stride}; }
  ConstMatView log_var() {
    return {ws_.log_var().data, n_, ws_.log_var().cols, ws_.log_var().stride};
  }

  // log p(x, z), unless log_p is null, and its gradient for z (n * n_draws, J), the draws of a row
  // together; z may be in any row layout.
  void operator()(ConstMatView z, double* log_p, MatView gradient);

 private:
  Pass pass() { return {kernels(), model_, ws_, n_, 0}; }

  const Model& model_;
  Workspace ws_;
  size_t n_ = 0;
};

// Content ids of the rows index[0 .. n) -> out (n,).
void content_ids(const Model& model, const Rows& rows, const int64_t* index, size_t n,
                 uint64_t* out);

// log p(x, z) of n_draws z for each row of x, z (n_draws, n_rows, J) dense -> out (n_draws,
// n_rows).
void log_joint(const Model& model, const Rows& rows, const float* z, size_t n_draws, double* out,
               int n_threads, Cancellation& cancellation);

}  // namespace aevb
