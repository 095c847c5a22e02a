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

// The layer's output from its input, shared by panels; `nonzeros` of the input, or null. `then` is
// what this thread reads in a phase that follows: the first panel of each phase would else come
// from beyond L2.
void forward_layer(const Pass& pass, const LayerUse& use, Member& member,
                   const Nonzeros* nonzeros = nullptr, const PrefetchCursor& then = {});

// The same for a range of rows, all panels: for the layers about z, where threads share rows.
void forward_layer_rows(const Pass& pass, const LayerUse& use, Range rows, const Member& member);

// The delta of an activation from those of the layers that read it: (sum of delta W^T) * act'.
void backward_layer(const Pass& pass, size_t activation, Member& member);

// The draws of a range of rows.
inline Range draws_of(const Pass& pass, Range rows) {
  return {rows.begin * pass.ws.n_draws, rows.end * pass.ws.n_draws};
}

// What the latent kernels read of a range of rows.
LatentRows latent_rows(const Pass& pass, Range rows);

// The parameters of q(z|x) of this thread's rows.
Range forward_heads(const Pass& pass, const Member& member);

// The rows that the first layer's update needs, shared by blocks of inputs.
void list_rows(const Pass& pass, const Member& member);

}  // namespace aevb
