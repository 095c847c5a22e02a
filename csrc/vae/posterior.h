// log p(x, z) of the generative model as a density of z, a block of rows of x at a time.
#pragma once

#include "vae/phases.h"

namespace aevb {

// One thread's own: it runs the decoder's phases alone, so that blocks need no barriers.
class PosteriorDensity {
 public:
  PosteriorDensity(const Model& model, size_t most_rows);

  // The rows of x that the chains' rows belong to.
  void set_rows(const Rows& rows, size_t first, size_t n);

  // log p(x, z) and its gradient for z (n, J), one row for each of x; z may be in any row layout.
  void operator()(ConstMatView z, double* log_p, MatView gradient);

 private:
  const Model& model_;
  Workspace ws_;
  size_t n_ = 0;
};

// log p(x, z) of n_draws z for each row of x, z (n_draws, n_rows, J) dense -> out (n_draws,
// n_rows).
void log_joint(const Model& model, const Rows& rows, const float* z, size_t n_draws, double* out,
               int n_threads);

}  // namespace aevb
