// One pass of SGVB as a list of phases. Every thread of a team calls every phase in order; each
// ends at a barrier, unless its comment says that it does not: then a thread may read only its own
// share of what the phase wrote, until the next barrier.
#pragma once

#include "model/workspace.h"
#include "parallel/cancellation.h"

namespace aevb {

struct Pass {
  const Kernels& k;
  const Model& model;
  Workspace& ws;
  size_t rows;              // data rows in this pass
  uint64_t seed;            // of the noise
  uint64_t noise_step = 0;  // its high bits go into the noise stream
  size_t slot = 0;          // which x of the workspace
  Cancellation* cancellation =
      nullptr;  // may stop the pass, which then has no results; null: nothing may

  MatView x() const { return ws.x[slot].view(rows); }
  size_t drawn() const { return rows * ws.n_draws; }
  // Asked between pieces of work: if not, what is left of a phase is not done, only its barrier.
  bool may_continue(const Member& member) const {
    return cancellation == nullptr || cancellation->may_continue(member);
  }
};

// f(range) for rows that a thread does not share with others, of which so few at a time, in whole
// row blocks, that it looks between them whether to go on.
template <class F>
void for_own_rows(const Pass& pass, const Member& member, Range rows, F f) {
  constexpr size_t kTogether = 50 * kRowBlock;  // some milliseconds
  for (size_t begin = rows.begin; begin < rows.end && pass.may_continue(member); begin += kTogether)
    f(Range{begin, std::min(begin + kTogether, rows.end)});
}

// Where a row's noise id comes from: ws.ids as they stand, or the row's content; or the pass needs
// no noise (then dynamic binarisation leaves the grey levels, its expectation).
enum class NoiseBy { id, content, nothing };

// Rows ws.index of the data into x, binarised if the model says so, and the noise for them into
// ws.eps, in two parts: this thread's share of the rows, which may be copied while other work is
// done, and what is made of them. No barrier: `gather` is all of it and ends with one.
RowGather begin_gather(const Pass& pass, const Rows& rows, const Member& member);
void end_gather(const Pass& pass, const Rows& rows, RowGather& copying, NoiseBy noise,
                const Member& member);
// False, on every thread, if the data are guarded and some of these are out of range.
bool gather(const Pass& pass, const Rows& rows, NoiseBy noise, Member& member);

// Other noise for the same rows: this thread's share, no barrier.
void draw_noise(const Pass& pass, const Member& member);

void encode_hidden(const Pass& pass, Member& member);
void encode_heads(const Pass& pass, Member& member);  // mean and log_var alone
// And z, and the bound's terms, of this thread's share of the rows: no barrier.
void encode_and_sample(const Pass& pass, Member& member);
// Needs no barrier between it and what wrote z, if every thread wrote that of its share of the
// rows.
void decode_hidden(const Pass& pass, Member& member);
void decode_outputs(const Pass& pass, Member& member);  // raw outputs
// r = log p(x|z), unless the gradient alone is wanted, and its gradient in place of the outputs;
// and that of outputs as they stand.
void decode_likelihood(const Pass& pass, Member& member, bool with_r = true);
void output_likelihood(const Pass& pass, Member& member);
// ws.f, ws.bound, ws.variance of this thread's share of the rows: no barrier.
void sum_bound(const Pass& pass, const Member& member);

// Gradients with respect to the pre-activations of every layer of the decoder, from the outputs'
// down; and then of the encoder.
void backward_decoder(const Pass& pass, Member& member);
void backward_encoder(const Pass& pass, Member& member);
// After the decoder's the gradient with respect to z alone: when it returns, that of this thread's
// share of the rows is made, of the others behind the next barrier.
void backward_to_z(const Pass& pass, Member& member);
// The encoder's of log q(z|x), z held fixed: heads forward, then down from their gradients.
void recognize(const Pass& pass, Member& member);

enum class Networks : uint8_t { all, encoder, decoder };
// Every weight gradient, with the optimiser's step, and a row of `meanwhile` between the pieces. No
// barrier: what follows may fill the other slot's x, its noise and its nonzero columns, but not
// read the weights, nor deal.
void update(const Pass& pass, const Arena& arena, const UpdateRule& rule, Member& member,
            RowGather& meanwhile, Networks which = Networks::all);

// The decoder's step by a summed gradient (an arena laid out as the weights), which is set to zero.
void ascend(const Kernels& k, const Network& network, const Arena& arena, float* gradient,
            const UpdateRule& rule, Member& member);

}  // namespace aevb
