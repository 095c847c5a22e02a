// Functions that read a model: encode, decode, sample, the bound per row, and the bound's gradient.
#pragma once

#include "engine/subset.h"
#include "parallel/cancellation.h"

namespace aevb {

// A function with a table throws OutOfRange if guarded data have a value out of range. A function
// with a cancellation rethrows what stopped it.

// Posterior means of all rows -> out (n_rows, J), dense.
void encode(const Model& model, const Table& table, float* out, int n_threads,
            Cancellation& cancellation);

// Decoder means of z (n, J) -> out (n, D), dense.
void decode(const Model& model, ConstMatView z, float* out, int n_threads,
            Cancellation& cancellation);

// Draws x ~ p(x|z) (n, D) and z ~ p(z) (n, J). For one seed, row i does not depend on n.
void sample(const Model& model, uint64_t seed, size_t n, float* x, float* z, int n_threads,
            Cancellation& cancellation);

// The bound per row of a subset, and its variance over the noise (NaN for one draw) ->
// (subset.size,) each. The seed and each row's content key the noise.
void bound(const Model& model, const Table& table, Subset subset, size_t n_draws, uint64_t seed,
           double* out, double* variance, int n_threads, Cancellation& cancellation);

// The bound per row, and the gradient of its sum, with a weight on the KL divergence. The gradient
// is an arena in the weights' layout, which the caller has set to zero. noise: (n_draws, n_rows, J)
// dense, or null for the noise of `bound`.
void bound_and_gradient(const Model& model, const Table& table, const float* noise, uint64_t seed,
                        double* out, float* gradient, float kl_weight, int n_threads,
                        Cancellation& cancellation);

}  // namespace aevb
