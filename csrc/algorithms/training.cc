#include "algorithms/training.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <numeric>

#include "algorithms/epoch.h"
#include "algorithms/rollback.h"
#include "inference/generate.h"

namespace aevb {
namespace {

using Clock = std::chrono::steady_clock;

// The minibatch's mean bound times its size, added in row order: the same on every thread, at any
// thread count.
double batch_bound(const Workspace& ws, size_t rows) {
  double total = 0.0;
  for (size_t m = 0; m < rows; ++m) total += ws.bound[m];
  return total;
}

// Laps of thread 0's clock.
class PhaseClock {
 public:
  PhaseClock(const Member& member, double* seconds)
      : seconds_(member.rank() == 0 ? seconds : nullptr), last_(Clock::now()) {}
  void lap() {
    if (seconds_ == nullptr) return;
    const Clock::time_point now = Clock::now();
    seconds_[phase_++ % std::size(kPhases)] += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }

 private:
  double* seconds_;
  size_t phase_ = 0;
  Clock::time_point last_;
};

void forward_pass(const Pass& pass, Member& member, PhaseClock& clock) {
  encode_hidden(pass, member);
  clock.lap();
  encode_and_sample(pass, member);
  clock.lap();
  decode_hidden(pass, member);
  clock.lap();
  decode_likelihood(pass, member);
  clock.lap();
  sum_bound(pass, member);
  clock.lap();
}

// Wake-sleep after the decoder's gradients (Hinton, Dayan, Frey, Neal 1995): its step up
// log p(x, z), z ~ q(z|x), and the deltas of the encoder's up log q(z|x) of dreams.
void wake_and_dream(const Pass& pass, const Pass& asleep, const Arena& arena,
                    const UpdateRule& rule, Member& member) {
  RowGather nothing;
  update(pass, arena, rule, member, nothing, Networks::decoder);
  const Range mine = share_rows(member, asleep.rows);
  for (size_t m = mine.begin; m < mine.end; ++m) asleep.ws.ids[m] = noise_id(asleep.noise_step, m);
  member.barrier();
  dream(asleep, member);
  encode_hidden(asleep, member);
  recognize(asleep, member);
}

}  // namespace

Progress train(Model& model, const Rows& rows, const EpochSlice& part, Cancellation& cancellation) {
  const Config& config = model.config();
  const size_t batch = std::min(config.batch_size, part.subset.size);
  const double flops =
      flops_per_row(model.network(), config.n_draws, true) * static_cast<double>(batch);
  const int n_threads = useful_threads(part.n_threads, flops);
  Workspace ws(model, batch, config.n_draws, true, n_threads);
  const bool wakes = config.algorithm == Algorithm::wake_sleep;
  Workspace dreams(model, wakes ? batch : 0, 1, true, wakes ? n_threads : 0);
  Rollback rollback(cancellation, model, batch * config.n_draws, flops / n_threads);
  const EpochOrder order(model, rows, part);
  const Kernels& k = kernels();
  const Clock::time_point start = Clock::now();
  const Clock::time_point deadline = start + std::chrono::duration_cast<Clock::duration>(
                                                 std::chrono::duration<double>(part.max_seconds));

  Progress progress;
  double bound_sum = model.bound_sum;  // step by step: one order of summation, however it is sliced
  bool time_is_up = false;             // written by thread 0 before a barrier, read by all after it
  std::atomic<bool> finite = true;
  run_team(n_threads, [&](Member& member) {
    const auto pass_from = [&](size_t position, uint64_t step) -> Pass {
      const size_t n = std::min(batch, part.subset.size - position);
      return {k, model, ws, n, config.seed, step, step % 2, rollback.before_update()};
    };
    // Chooses this thread's rows of a minibatch.
    const auto choose = [&](const Pass& pass, size_t position) {
      const Range mine = share_rows(member, pass.rows);
      order.rows(position + mine.begin, mine.size(), ws.index.data() + mine.begin);
      for (size_t m = mine.begin; m < mine.end; ++m) ws.ids[m] = noise_id(pass.noise_step, m);
    };
    const auto more = [&](size_t done, size_t position) {
      return done < part.max_steps && position < part.subset.size;
    };

    uint64_t step = model.n_steps;
    size_t position = part.position;
    if (more(0, position)) {
      choose(pass_from(position, step), position);
      gather(pass_from(position, step), rows, NoiseBy::id, member);
      if (rollback.cancelled(Rollback::gathered, member)) return;
    }
    PhaseClock clock(member, progress.phase_seconds);
    for (size_t done = 0; more(done, position); ++done, ++step) {
      const Pass pass = pass_from(position, step);
      forward_pass(pass, member, clock);
      backward_decoder(pass, member);
      if (rollback.cancelled(Rollback::decoder_done, member)) break;
      const double bound = batch_bound(ws, pass.rows);
      if (!std::isfinite(bound)) {
        if (member.rank() == 0) progress.diverged = true;
        break;
      }
      if (member.rank() == 0) time_is_up = Clock::now() >= deadline;
      const UpdateRule rule = model.update_rule(step, pass.rows, part.n_train);
      Pass updated = pass;
      updated.cancellation = rollback.in_update();
      const Pass asleep = {k, model, dreams, pass.rows, config.seed, step, 0, updated.cancellation};
      if (wakes) {
        rollback.save(member);
        wake_and_dream(updated, asleep, model.arena(), rule, member);
      } else {
        backward_encoder(pass, member);
        if (rollback.cancelled(Rollback::encoder_done, member)) break;
        rollback.save(member);
      }
      clock.lap();
      position += pass.rows;
      const bool go_on = more(done + 1, position) && !time_is_up;
      const Pass next = go_on ? pass_from(position, step + 1) : pass;
      if (go_on) choose(next, position);
      RowGather ahead = go_on ? begin_gather(next, rows, member) : RowGather();
      update(wakes ? asleep : updated, model.arena(), rule, member, ahead,
             wakes ? Networks::encoder : Networks::all);
      clock.lap();
      if (go_on) end_gather(next, rows, ahead, NoiseBy::id, member);
      const bool stops = rollback.cancelled(Rollback::step_done, member);
      clock.lap();
      if (stops && rollback.can_restore()) {  // the update may not be whole
        rollback.restore(member);
        break;
      }
      if (member.rank() == 0) {
        progress.n_steps += 1;
        progress.n_rows += pass.rows;
        progress.bound_sum += bound;
        bound_sum += bound;
      }
      if (!go_on || stops) break;
    }
    // of the share that this thread has undone, if it has
    if (!model.finite(member.share(model.network().arena_size))) finite = false;
  });
  model.n_steps += progress.n_steps;
  model.n_samples_seen += progress.n_rows;
  model.bound_sum = bound_sum;
  model.seconds += std::chrono::duration<double>(Clock::now() - start).count();
  progress.diverged = progress.diverged || !finite;
  return progress;
}

}  // namespace aevb
