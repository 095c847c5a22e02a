// What the phases have in common: a layer, forward or backward, over the panels or rows that fall
// to a thread.
#pragma once

#include "engine/pass.h"

namespace aevb {

inline constexpr Grain kForwardGrain = {1, kForwardBlocks};
// Whoever takes from a panel transposes its weights first, in the time of two blocks.
inline constexpr Grain kTransposingGrain = {1, kForwardBlocks, 5};

// The columns of a layer of n_cols units in blocks of n rows.
inline Panels row_panels(size_t n_cols, size_t n) { return {n_cols, ceil_div(n, kRowBlock)}; }

// out = act(in W + b) for the first n rows, shared by panels. `then` is what this thread reads in a
// phase that follows: the first panel of each phase would else come from beyond L2.
void forward_layer(const Pass& pass, const Dense& layer, MatView in, MatView out,
                   Activation activation, size_t n, Member& member,
                   const Nonzeros* nonzeros = nullptr, const PrefetchCursor& then = {});

// The same for a range of rows, all panels: for the layers about z, where threads share rows.
void forward_layer_rows(const Pass& pass, const Dense& layer, MatView in, MatView out,
                        Activation activation, Range rows, const Member& member);

struct Upstream {  // a layer and the gradient of its pre-activations
  const Dense& layer;
  MatView delta;
};

// din = (sum over upstream layers of delta W^T) * act'(h) for the first n rows.
void backward_layer(const Pass& pass, std::initializer_list<Upstream> upstream, MatView din,
                    ConstMatView h, Activation activation, size_t n, Member& member);

// The draws of a range of rows.
inline Range draws_of(const Pass& pass, Range rows) {
  return {rows.begin * pass.ws.n_draws, rows.end * pass.ws.n_draws};
}

// What the latent kernels read of a range of rows.
LatentRows latent_rows(const Pass& pass, Range rows);

// mean and log_var of this thread's rows
Range forward_heads(const Pass& pass, const Member& member);

// The rows that the first layer's update needs, shared by blocks of inputs.
void list_rows(const Pass& pass, const Member& member);

}  // namespace aevb
