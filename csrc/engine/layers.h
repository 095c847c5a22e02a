// Code that the phases share: one layer, forward or backward, over the panels or rows of a thread.
#pragma once

#include "engine/pass.h"

namespace aevb {

inline constexpr Grain kForwardGrain = {1, kForwardBlocks};
// A thread that takes a task from a new panel first transposes its weights, in the time of two
// blocks.
inline constexpr Grain kTransposingGrain = {1, kForwardBlocks, 5};

// The columns of a layer of n_cols units, in blocks of the n rows.
inline Panels row_panels(size_t n_cols, size_t n) { return {n_cols, ceil_div(n, kRowBlock)}; }

// The layer's output from its input; threads share panels. `nonzeros` are those of the input, or
// null. `then` is what this thread reads in a later phase: it is prefetched, since the first panel
// of a phase comes from beyond L2.
void forward_layer(const Pass& pass, const LayerUse& use, Member& member,
                   const Nonzeros* nonzeros = nullptr, const PrefetchCursor& then = {});

// The same for a range of rows and all panels: for the layers next to z, where threads share rows.
void forward_layer_rows(const Pass& pass, const LayerUse& use, Range rows, const Member& member);

// The delta of an activation from the deltas of the layers that read it: (sum of delta W^T) * act'.
void backward_layer(const Pass& pass, size_t activation, Member& member);

// The kernels' arguments for the outputs of a block with levels, for a range of rows (draws), but
// for x, scale and partial.
LevelRows level_rows(const Pass& pass, const OutputBlock& block, Range rows);

// The draws of a range of rows.
inline Range draws_of(const Pass& pass, Range rows) {
  return {rows.begin * pass.ws.n_draws, rows.end * pass.ws.n_draws};
}

// The arguments of the latent kernels for a range of rows, but for those of `backward`.
LatentRows latent_rows(const Pass& pass, Range rows);

// Computes the parameters of q(z|x) for this thread's rows, and returns those rows.
Range forward_heads(const Pass& pass, const Member& member);

// Lists the rows that the first layer's update needs; threads share blocks of inputs.
void list_rows(const Pass& pass, const Member& member);

}  // namespace aevb
