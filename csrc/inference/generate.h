// Phases of the generative model alone: means and draws of x.
#pragma once

#include "engine/pass.h"

namespace aevb {

// The decoder's means in place of its raw outputs, the first output layer of each block.
void decoder_means(const Pass& pass, Member& member);

// A draw of x over its means, keyed by the row's noise id. Overwrites pass.x().
void draw_visible(const Pass& pass, Purpose purpose, Member& member);

// The means or draws of some rows -> out, rows of x.
void copy_visible(const Pass& pass, Range rows, float* out, size_t stride);

// z ~ p(z), x ~ p(x|z), as many as the pass has rows, into ws.z() and pass.x().
void dream(const Pass& pass, Member& member);

}  // namespace aevb
