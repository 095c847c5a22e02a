// The density fit of the paper's estimator of p(x) (appendix D, step 2).
#pragma once

#include "parallel/cancellation.h"

namespace aevb {

// For each row, the logarithm of a density fitted to the draws fit (n_fit, n_rows, dim), where the
// draws at (n_at, n_rows, dim) lie -> out (n_at, n_rows), all dense. A Gaussian kernel density with
// widths in proportion to the draws' standard deviations, whose bandwidth is chosen by the score of
// one half of them under the other; with fewer than four draws per dimension, a Gaussian of
// independent components.
void fitted_log_density(const float* fit, size_t n_fit, const float* at, size_t n_at, size_t n_rows,
                        size_t dim, double* out, int n_threads, Cancellation& cancellation);

}  // namespace aevb
