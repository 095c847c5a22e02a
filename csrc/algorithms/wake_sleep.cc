#include "algorithms/step.h"
#include "inference/generate.h"

namespace aevb {

std::optional<PendingUpdate> wake_sleep_step(Step& step, Workspace& dreams, Member& member) {
  if (!forward_and_backward_decoder(step, member)) return {};
  step.rollback.save(member);
  Pass awake = step.pass;
  awake.cancellation = step.rollback.in_update();
  RowGather nothing;
  update(awake, step.arena, step.rule, member, nothing, Networks::decoder);

  Pass asleep(awake.model, dreams, awake.rows, awake.noise);
  asleep.settings = awake.settings;
  asleep.cancellation = awake.cancellation;
  const Range mine = share_rows(member, asleep.rows);
  for (size_t m = mine.begin; m < mine.end; ++m) dreams.ids[m] = awake.ws.ids[m];
  member.barrier();
  dream(asleep, awake.ws.holes ? &awake : nullptr, member);
  encode_hidden(asleep, member);
  recognize(asleep, member);
  step.clock.lap();
  return PendingUpdate{asleep, Networks::encoder};
}

}  // namespace aevb
