// Phases of the generative model alone: means and draws of x.
#pragma once

#include "engine/pass.h"

namespace aevb {

// Replaces the raw outputs of all draws by the decoder's means, in the first output layer of each
// block.
void decoder_means(const Pass& pass, Member& member);

// Replaces the means of some rows of the outputs by draws of x. The ids and `noise` (rows, D) begin
// at the first of these rows; noise is overwritten.
void draw_rows(const Pass& pass, Range rows, uint32_t stream, const uint64_t* ids, MatView noise);

// Replaces the means by a draw of x, keyed by the row's noise id. Overwrites pass.x().
void draw_visible(const Pass& pass, Purpose purpose, Member& member);

// Copies the means or draws of some rows to `out`, rows of x.
void copy_visible(const Pass& pass, Range rows, float* out, size_t stride);

// Draws z ~ p(z) into ws.z() and x ~ p(x|z) into pass.x(), for every row of the pass. What is
// missing in the rows of `holes` becomes missing there; null: nothing.
void dream(const Pass& pass, const Pass* holes, Member& member);

}  // namespace aevb
