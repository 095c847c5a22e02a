// One pass over some rows as a list of phases. Every thread of a team calls every phase in order.
// Each ends at a barrier, unless its comment says that it does not: then a thread may read only
// what it wrote itself, until the next barrier.
#pragma once

#include "model/workspace.h"
#include "nn/table.h"
#include "parallel/cancellation.h"

namespace aevb {

// What a pass's noise is keyed by, beside its rows' ids.
struct NoiseKey {
  uint64_t seed;
  uint64_t step = 0;  // its high bits go into the noise stream
};

// What may differ from step to step.
struct StepSettings {
  float learning_rate;
  float kl_weight = 1.0f;  // factor on what the bound has beside log p(x|z)
};

struct Pass {
  Pass(const Model& model, Workspace& ws, size_t rows, NoiseKey noise, size_t slot = 0)
      : k(kernels()),
        model(model),
        network(model.network()),
        weights(model.weights()),
        ws(ws),
        rows(rows),
        noise(noise),
        settings{model.config().learning_rate},
        slot(slot) {}

  const Kernels& k;
  const Model& model;
  const Network& network;
  const float* weights;  // the model's, or others laid out alike
  Workspace& ws;
  size_t rows;  // data rows in this pass
  NoiseKey noise;
  StepSettings settings;
  size_t slot;                           // which x of the workspace
  Cancellation* cancellation = nullptr;  // may end the pass, which then has no results; null: none

  MatView x() const { return ws.x[slot].view(rows); }
  size_t drawn() const { return rows * ws.n_draws; }
  // Rows of an activation in this pass, and the activation.
  size_t rows_of(size_t i) const { return network.activations[i].per_draw ? drawn() : rows; }
  MatView activation(size_t i) const {
    return i == Network::kX ? x() : ws.activations[i].view(rows_of(i));
  }
  MatView delta(size_t i) const {
    const bool in_place = i >= network.layers[network.outputs.begin].output;
    return in_place ? activation(i) : ws.deltas[i].view(rows_of(i));
  }
  // Asked between pieces of work: if not, what is left of a phase is not done, only its barrier.
  bool may_continue(const Member& member) const {
    return cancellation == nullptr || cancellation->may_continue(member);
  }
};

// f(range) for rows that a thread does not share with others, of which so few at a time, in whole
// row blocks, that it may stop between them.
template <class F>
void for_own_rows(const Pass& pass, const Member& member, Range rows, F f) {
  constexpr size_t kRowsTogether = 50 * kRowBlock;  // some milliseconds
  for (size_t begin = rows.begin; begin < rows.end && pass.may_continue(member);
       begin += kRowsTogether)
    f(Range{begin, std::min(begin + kRowsTogether, rows.end)});
}

// Where a row's noise id comes from: ws.ids as they stand, or the row's content; or the pass needs
// no noise (then dynamic binarisation leaves the grey levels, its expectation).
enum class NoiseBy { id, content, nothing };

// Rows ws.index of the table into x, binarised if the model says so, and their noise into ws.eps.
// It has two halves: this thread's share of the rows, which may be copied while other work is done,
// and the rest. No barrier: `gather` is both and ends with one.
RowGather begin_gather(const Pass& pass, const Table& table, const Member& member);
void end_gather(const Pass& pass, const Table& table, RowGather& copying, NoiseBy noise,
                const Member& member);
// False, on every thread, if the data are guarded and some of these are out of range.
bool gather(const Pass& pass, const Table& table, NoiseBy noise, Member& member);

// Other noise for the same rows: this thread's share, no barrier.
void draw_noise(const Pass& pass, const Member& member);

void encode_hidden(const Pass& pass, Member& member);
void encode_heads(const Pass& pass, Member& member);  // the parameters of q(z|x) alone
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
// start + r of one row of z, after decode_likelihood.
double log_likelihood(const Pass& pass, size_t drawn_row, double start = 0.0);

// Gradients with respect to what every layer of the decoder puts out before its activation
// function, from the outputs down; and then of the encoder.
void backward_decoder(const Pass& pass, Member& member);
void backward_encoder(const Pass& pass, Member& member);
// After the decoder's the gradient with respect to z alone: when it returns, that of this thread's
// share of the rows is made, of the others behind the next barrier.
void backward_to_z(const Pass& pass, Member& member);
// The encoder's of log q(z|x), z held fixed: heads forward, then down from their gradients.
void recognize(const Pass& pass, Member& member);

// The optimizer's step after t others, by the mean over n_rows of the gradient, less that of the
// prior on the weights over n_train rows (MAP, appendix F's p(theta) = N(0, I)).
UpdateRule update_rule(const Config& config, const StepSettings& settings, uint64_t t,
                       size_t n_rows, size_t n_train);

// Layers that are updated together.
enum class Networks : uint8_t { both, encoder, decoder };
// Every weight gradient, with the optimizer's step, and a row of `meanwhile` between the pieces. No
// barrier: what follows may fill the other slot's x, its noise and its nonzero columns, but not
// read the weights, nor share work by stealing.
void update(const Pass& pass, const Arena& arena, const UpdateRule& rule, Member& member,
            RowGather& meanwhile, Networks which = Networks::both);

// The decoder's step by a summed gradient (an arena laid out as the weights), which is set to zero.
void ascend(const Kernels& k, const Network& network, const Arena& arena, float* gradient,
            const UpdateRule& rule, Member& member);

}  // namespace aevb
