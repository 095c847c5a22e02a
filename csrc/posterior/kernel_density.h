// The density fit of the paper's estimator of p(x) (appendix D, step 2).
#pragma once

#include "parallel/cancellation.h"

namespace aevb {

// For each row, the log of a density that is fitted to the draws fit (n_fit, n_rows, dim), at the
// draws at (n_at, n_rows, dim) -> out (n_at, n_rows), all dense. It is a Gaussian kernel density.
// Its widths are proportional to the draws' standard deviations. The bandwidth is the one under
// which one half of the draws gives the other half the best score. With fewer than four draws per
// dimension, it is a Gaussian of independent components.
void fitted_log_density(const float* fit, size_t n_fit, const float* at, size_t n_at, size_t n_rows,
                        size_t dim, double* out, int n_threads, Cancellation& cancellation);

}  // namespace aevb
