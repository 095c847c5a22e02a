// Functions that read a model: encode, decode, sample, the bound per row, and the bound's gradient.
#pragma once

#include "engine/subset.h"
#include "parallel/cancellation.h"

namespace aevb {

// A function with a table throws OutOfRange if guarded data have a value out of range. A function
// with a cancellation rethrows what stopped it.

// Means and standard deviations of q(z|x) of all rows -> (n_rows, J) each, dense. deviation may
// be null.
void encode(const Model& model, const Table& table, float* mean, float* deviation, int n_threads,
            Cancellation& cancellation);

// One draw z ~ q(z|x) of each row -> (n_rows, J), dense. The seed and each row's content key it.
void draw_encoded(const Model& model, const Table& table, uint64_t seed, float* z, int n_threads,
                  Cancellation& cancellation);

// Decoder means of z (n, J) -> out (n, D), dense.
void decode(const Model& model, ConstMatView z, float* out, int n_threads,
            Cancellation& cancellation);

// Draws x ~ p(x|z) (n, D) and z ~ p(z) (n, J). For one seed, row i does not depend on n.
void sample(const Model& model, uint64_t seed, size_t n, float* x, float* z, int n_threads,
            Cancellation& cancellation);

// Results of `bound` for each row: (subset.size,) each.
struct BoundRows {
  double* bound;
  double* variance;  // of the bound over the noise; NaN for one draw
  double* kl;        // KL(q(z|x) || p(z)), in closed form where there is one
};

// The bound per row of a subset. The seed and each row's content key the noise.
void bound(const Model& model, const Table& table, Subset subset, size_t n_draws, uint64_t seed,
           const BoundRows& out, int n_threads, Cancellation& cancellation);

// The mean over all rows of KL(q(z_j|x) || p(z_j)) -> (J,), in closed form where there is one, and
// else by n_draws draws. For a posterior with independent components.
void component_divergence(const Model& model, const Table& table, size_t n_draws, uint64_t seed,
                          double* out, int n_threads, Cancellation& cancellation);

// The bound per row, and the gradient of its sum, where the KL divergence has a weight in the
// gradient alone. The gradient is an arena in the weights' layout, which the caller has set to
// zero. noise: (n_draws, n_rows, n_noise J) dense, or null for the noise of `bound`.
void bound_and_gradient(const Model& model, const Table& table, const float* noise, uint64_t seed,
                        double* out, float* gradient, float kl_weight, int n_threads,
                        Cancellation& cancellation);

}  // namespace aevb
