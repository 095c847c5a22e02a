#include "algorithms/step.h"

#include <cmath>

namespace aevb {
namespace {

// The sum of the minibatch's bounds, added in row order: the same for any thread and any number of
// threads.
double batch_bound(const Pass& pass) {
  double total = 0.0;
  for (size_t m = 0; m < pass.rows; ++m) total += pass.ws.bound[m];
  return total;
}

}  // namespace

bool forward_and_backward_decoder(Step& step, Member& member) {
  const Pass& pass = step.pass;
  encode_hidden(pass, member);
  step.clock.lap();
  encode_and_sample(pass, member);
  step.clock.lap();
  decode_hidden(pass, member);
  step.clock.lap();
  decode_likelihood(pass, member);
  step.clock.lap();
  sum_bound(pass, member);
  weigh_draws(pass, member);
  step.clock.lap();
  backward_decoder(pass, member);
  if (step.rollback.cancelled(Rollback::decoder_done, member)) return false;
  step.bound = batch_bound(pass);
  step.diverged = !std::isfinite(step.bound);
  step.deadline.look(member);
  return !step.diverged;
}

}  // namespace aevb
