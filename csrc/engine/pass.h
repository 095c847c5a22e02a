// One pass over some rows as a list of phases. Every thread of a team calls every phase in order. A
// phase ends with a barrier, unless its comment says "no barrier". Then, until the next barrier, a
// thread may read only its own results.
#pragma once

#include "model/workspace.h"
#include "nn/table.h"
#include "parallel/cancellation.h"

namespace aevb {

// The key of a pass's noise, beside the rows' ids.
struct NoiseKey {
  uint64_t seed;
  uint64_t step = 0;  // its high bits go into the noise stream
};

// The settings that may differ from step to step.
struct StepSettings {
  float learning_rate;
  float kl_weight = 1.0f;  // factor on the gradient of the bound's terms beside log p(x|z)
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
        slot(slot),
        posterior(k.posteriors[model.config().posterior]),
        prior(k.priors[model.config().prior]),
        objective(k.objectives[model.config().objective]),
        fused_latent(model.config().has_fused_latent()),
        closed_kl(objective.analytic && network.has_closed_kl) {}

  const Kernels& k;
  const Model& model;
  const Network& network;
  const float* weights;  // the model's, or others in the same layout
  Workspace& ws;
  size_t rows;  // data rows in this pass
  NoiseKey noise;
  StepSettings settings;
  size_t slot;  // the index of x in the workspace
  const PosteriorKernels& posterior;
  const PriorKernels& prior;
  const ObjectiveInfo& objective;
  bool fused_latent;                     // the latent layer has a kernel of its own
  bool closed_kl;                        // the bound has -KL in closed form
  Cancellation* cancellation = nullptr;  // may end the pass, which then has no results; null: none

  MatView x() const { return ws.x[slot].view(rows); }
  size_t drawn() const { return rows * ws.n_draws; }
  // The gradient of log p(x|z) is that of its mean over so many draws.
  float n_averaged() const { return objective.reweights ? 1.0f : static_cast<float>(ws.n_draws); }
  // The number of rows of an activation in this pass, and the activation.
  size_t rows_of(size_t i) const { return network.activations[i].per_draw ? drawn() : rows; }
  MatView activation(size_t i) const {
    return i == Network::kX ? inputs() : ws.activations[i].view(rows_of(i));
  }
  bool has_inputs() const { return ws.inputs[0].view().rows > 0; }
  MatView inputs() const { return has_inputs() ? ws.inputs[slot].view(rows) : x(); }
  // The logarithm of the factor by which the units change the density of what a row has.
  double log_jacobian(size_t row) const {
    return ws.log_jacobian.empty() ? model.units().log_jacobian() : ws.log_jacobian[row];
  }
  MatView delta(size_t i) const {
    const bool in_place = i >= network.layers[network.outputs.begin].output;
    return in_place ? activation(i) : ws.deltas[i].view(rows_of(i));
  }
  // Asked between tasks. If false, the rest of a phase is left out, but not its barrier.
  bool may_continue(const Member& member) const {
    return cancellation == nullptr || cancellation->may_continue(member);
  }
};

// Calls f(range) for a thread's own rows: a few whole row blocks at a time, so that it may stop
// between them.
template <class F>
void for_own_rows(const Pass& pass, const Member& member, Range rows, F f) {
  constexpr size_t kRowsTogether = 50 * kRowBlock;  // some milliseconds
  for (size_t begin = rows.begin; begin < rows.end && pass.may_continue(member);
       begin += kRowsTogether)
    f(Range{begin, std::min(begin + kRowsTogether, rows.end)});
}

// The origin of a row's noise id: ws.ids as they are, or the row's content. With `nothing` the pass
// needs no noise: dynamic binarisation keeps the grey levels, which are its expectation.
enum class NoiseBy { id, content, nothing };

// Copies rows ws.index of the table into x, binarises them if the model says so, and draws their
// noise into ws.eps. begin_gather returns this thread's share of the rows, to be copied between
// other tasks. end_gather does the rest. No barrier. `gather` is both, and ends with a barrier.
RowGather begin_gather(const Pass& pass, const Table& table, const Member& member);
void end_gather(const Pass& pass, const Table& table, RowGather& copying, NoiseBy noise,
                const Member& member);
// False, on every thread, if guarded data had a value out of range.
bool gather(const Pass& pass, const Table& table, NoiseBy noise, Member& member);
// What the encoder reads of rows of x, and the nonzero columns of that. For every change of x that
// is not a gather.
void read_inputs(const Pass& pass, Range rows);

// New noise for the same rows: this thread's share. No barrier. draw_normal_noise fills the first J
// columns, whatever noise the posterior takes.
void draw_noise(const Pass& pass, const Member& member);
void draw_normal_noise(const Pass& pass, const Member& member);
// Noise of the kind that the posterior takes.
inline void latent_noise(const Pass& pass, const NoiseRows& noise) {
  pass.posterior.info.noise == LatentNoise::normal ? pass.k.normal(noise) : pass.k.uniform(noise);
}

void encode_hidden(const Pass& pass, Member& member);
void encode_heads(const Pass& pass, Member& member);  // the parameters of q(z|x) alone
// Mean and standard deviation of q(z|x) of some rows, after encode_heads; (rows, J) with the stride
// of ws.z().
void encode_moments(const Pass& pass, Range rows, MatView mean, MatView deviation);
// The parameters of q(z|x), z, and the bound's terms, for this thread's rows. No barrier.
void encode_and_sample(const Pass& pass, Member& member);
// If every thread wrote z for its own rows, no barrier is needed before it.
void decode_hidden(const Pass& pass, Member& member);
void decode_outputs(const Pass& pass, Member& member);  // raw outputs
// r = log p(x|z), if wanted, and its gradient in place of the outputs. output_likelihood does it
// for raw outputs that exist already.
void decode_likelihood(const Pass& pass, Member& member, bool with_r = true);
void output_likelihood(const Pass& pass, Member& member);
// ws.f, ws.bound, ws.variance of this thread's rows. No barrier.
void sum_bound(const Pass& pass, const Member& member);
// After sum_bound, before backward_decoder: the weight of each draw in the gradient, which the
// decoder's gradients get, too. Ends with a barrier, unless the latent layer is fused.
void weigh_draws(const Pass& pass, Member& member);
// start + r of one row of z, after decode_likelihood.
double log_likelihood(const Pass& pass, size_t drawn_row, double start = 0.0);

// The deltas of every layer of the decoder, from the outputs down; then those of the encoder.
void backward_decoder(const Pass& pass, Member& member);
void backward_encoder(const Pass& pass, Member& member);
// After backward_decoder: the gradient for z alone. On return a thread may read it for its own
// rows; for other rows after the next barrier.
void backward_to_z(const Pass& pass, Member& member);
// The encoder's deltas for log q(z|x) with z held fixed: the heads forward, then backward from
// them.
void recognize(const Pass& pass, Member& member);

// Draws the weights from their posterior into `drawn`, an arena that a pass may then read. Layers
// whose weights have none are copied. The key's step may count draws. No barrier.
void draw_weights(const Kernels& k, const Model& model, Purpose purpose, NoiseKey key, float* drawn,
                  const Member& member);

// The optimizer's step number t, from 0. Its gradient is the mean over n_rows, plus 1 / n_train of
// the gradient of the weights' log-prior (MAP, appendix F's p(theta) = N(0, I)).
UpdateRule update_rule(const Config& config, const StepSettings& settings, uint64_t t,
                       size_t n_rows, size_t n_train);

// The layers of one update.
enum class Networks : uint8_t { both, encoder, decoder };
// Every weight gradient with the optimizer's step. Between tasks it copies rows of `meanwhile`. No
// barrier. Until the next one a thread may fill the other slot's x, its noise and its nonzero
// columns. It may neither read the weights nor share work by stealing.
void update(const Pass& pass, const Arena& arena, const UpdateRule& rule, Member& member,
            RowGather& meanwhile, Networks which = Networks::both);

// The step by a summed gradient (an arena in the weights' layout), which is then set to zero.
void ascend(const Kernels& k, const Network& network, const Arena& arena, float* gradient,
            const UpdateRule& rule, Member& member, Networks which);

}  // namespace aevb
