#include "algorithms/step.h"

namespace aevb {

std::optional<PendingUpdate> sgvb_step(Step& step, Workspace&, Member& member) {
  if (!forward_and_backward_decoder(step, member)) return {};
  backward_encoder(step.pass, member);
  if (step.rollback.cancelled(Rollback::encoder_done, member)) return {};
  step.rollback.save(member);
  step.clock.lap();
  PendingUpdate update = {step.pass, Networks::both};
  update.pass.cancellation = step.rollback.in_update();
  return update;
}

}  // namespace aevb
