// Everything that reads a model: encode, decode, sample, bound per row, and the bound's gradient.
#pragma once

#include "engine/subset.h"
#include "parallel/cancellation.h"

namespace aevb {

// Those that take rows throw OutOfRange where guarded ones hold a value out of range; those that
// take a cancellation, what stopped them.

// Posterior means of all rows -> out (n_rows, J), dense.
void encode(const Model& model, const Table& table, float* out, int n_threads,
            Cancellation& cancellation);

// Decoder means of z (n, J) -> out (n, D), dense.
void decode(const Model& model, ConstMatView z, float* out, int n_threads,
            Cancellation& cancellation);

// Draws x ~ p(x|z) (n, D), z ~ p(z) (n, J); row i of a seed is the same whatever n.
void sample(const Model& model, uint64_t seed, size_t n, float* x, float* z, int n_threads,
            Cancellation& cancellation);

// Bound per row of a subset, and its variance over the noise (NaN for one draw) -> (subset.size,)
// each. Noise is keyed by the seed and each row's content.
void bound(const Model& model, const Table& table, Subset subset, size_t n_draws, uint64_t seed,
           double* out, double* variance, int n_threads, Cancellation& cancellation);

// Bound per row and the gradient of their sum, an arena laid out as the weights (zeroed by the
// caller), with a weight on the KL divergence. noise: (n_draws, n_rows, J) dense, or null for the
// noise of `bound`.
void bound_and_gradient(const Model& model, const Table& table, const float* noise, uint64_t seed,
                        double* out, float* gradient, float kl_weight, int n_threads,
                        Cancellation& cancellation);

}  // namespace aevb
