#include "algorithms/loop.h"

#include <cmath>

#include "algorithms/epoch.h"
#include "algorithms/schedule.h"
#include "algorithms/step.h"

namespace aevb {
namespace {

using Clock = std::chrono::steady_clock;

// The state that the threads of a team share over the steps of a slice.
class Loop {
 public:
  Loop(Model& model, const Table& table, const EpochSlice& slice, Cancellation& cancellation,
       Exchange* exchange)
      : model_(model),
        table_(table),
        slice_(slice),
        batch_(std::min(model.config().batch_size, slice.subset.size)),
        flops_(flops_per_row(model.network(), model.config().n_draws, true) *
               static_cast<double>(batch_)),
        n_threads_(useful_threads(slice.n_threads, flops_)),
        sleeps_(model.config().algorithm == Algorithm::wake_sleep),
        step_function_(sleeps_ ? wake_sleep_step : sgvb_step),
        drawn_(model.has_weight_posterior() ? model.parameters().size() : 0),
        ws_(model, batch_, model.config().n_draws, true, n_threads_, table.x.holes),
        dreams_(model, sleeps_ ? batch_ : 0, 1, true, sleeps_ ? n_threads_ : 0, table.x.holes),
        // with an exchange, a step always goes to its end
        rollback_(cancellation, model, batch_ * model.config().n_draws,
                  exchange == nullptr ? flops_ / n_threads_ : 0.0),
        order_(model, table, slice),
        schedule_(model.config(), slice, model.n_steps),
        exchange_(exchange),
        gradient_(
            std::make_shared<Buffer<float>>(exchange == nullptr ? 0 : model.parameters().size())),
        start_(Clock::now()),
        deadline_(slice.max_seconds),
        bound_sum_(model.bound_sum) {}

  Progress run() {
    run_team(n_threads_, [&](Member& member) { run(member); });
    model_.n_steps += progress_.n_steps;
    model_.n_samples_seen += progress_.n_rows;
    model_.bound_sum = bound_sum_;
    model_.seconds += std::chrono::duration<double>(Clock::now() - start_).count();
    progress_.diverged = progress_.diverged || !finite_;
    return progress_;
  }

 private:
  bool more(size_t done, size_t position) const {
    return done < slice_.max_steps && position < slice_.subset.size;
  }
  // The pass over the minibatch at a position of the epoch.
  Pass pass_from(size_t position, uint64_t step) {
    const size_t n = std::min(batch_, slice_.subset.size - position);
    Pass pass(model_, ws_, n, {model_.config().seed, step}, step % 2);
    if (drawn_.size() > 0) pass.weights = drawn_.data();
    pass.settings = schedule_.at(step);
    pass.cancellation = rollback_.before_update();
    return pass;
  }
  // Chooses this thread's rows of a minibatch, and their noise ids.
  void choose(const Pass& pass, size_t position, const Member& member) {
    const Range mine = share_rows(member, pass.rows);
    const size_t first = slice_.rank * pass.rows;
    order_.rows(position + mine.begin, mine.size(), ws_.index.data() + mine.begin);
    for (size_t m = mine.begin; m < mine.end; ++m)
      ws_.ids[m] = noise_id(pass.noise.step, first + m);
  }

  void run(Member& member) {
    uint64_t step = model_.n_steps;
    size_t position = slice_.position;
    if (more(0, position)) {
      const Pass first = pass_from(position, step);
      choose(first, position, member);
      gather(first, table_, NoiseBy::id, member);
      if (rollback_.cancelled(Rollback::gathered, member)) return;
    }
    PhaseClock clock(member, progress_.phase_seconds);
    for (size_t done = 0; more(done, position); ++done, ++step) {
      const bool goes_on = exchange_ == nullptr
                               ? take_step(done, step, position, clock, member)
                               : take_joint_step(done, step, position, clock, member);
      if (!goes_on) break;
    }
    // Each thread checks the share that it has restored, if there was a rollback.
    if (!model_.parameters().finite(member.share(model_.parameters().size()))) finite_ = false;
  }

  // Takes one step, gathers the next minibatch, and advances the position. False if it is the last
  // step.
  bool take_step(size_t done, uint64_t number, size_t& position, PhaseClock& clock,
                 Member& member) {
    const Pass pass = pass_from(position, number);
    Step step = {pass,
                 update_rule(model_.config(), pass.settings, number, pass.rows, slice_.n_train),
                 model_.parameters().arena(),
                 rollback_,
                 deadline_,
                 clock};
    if (drawn_.size() > 0) {
      draw_weights(pass.k, model_, Purpose::weights, pass.noise, drawn_.data(), member);
      member.barrier();
    }
    clock.lap();
    const std::optional<PendingUpdate> last = step_function_(step, dreams_, member);
    if (step.diverged && member.rank() == 0) progress_.diverged = true;
    if (!last) return false;

    position += pass.rows;
    const bool goes_on = more(done + 1, position) && !deadline_.has_passed();
    const Pass next = goes_on ? pass_from(position, number + 1) : pass;
    if (goes_on) choose(next, position, member);
    RowGather copying = goes_on ? begin_gather(next, table_, member) : RowGather();
    update(last->pass, step.arena, step.rule, member, copying, last->networks);
    clock.lap();
    if (goes_on) end_gather(next, table_, copying, NoiseBy::id, member);
    const bool cancelled = rollback_.cancelled(Rollback::step_done, member);
    clock.lap();
    if (cancelled && rollback_.can_restore()) {  // the update may be incomplete
      rollback_.restore(member);
      return false;
    }
    if (member.rank() == 0) count(pass.rows, step.bound);
    return goes_on && !cancelled;
  }

  // The same with the gradient of all processes.
  bool take_joint_step(size_t done, uint64_t number, size_t& position, PhaseClock& clock,
                       Member& member) {
    const Pass pass = pass_from(position, number);
    const Arena sums = {nullptr, gradient_->data(), nullptr};
    Step step = {pass, UpdateRule(), sums, rollback_, deadline_, clock};
    clock.lap();
    const std::optional<PendingUpdate> last = step_function_(step, dreams_, member);
    if (member.rank() == 0) join(pass.rows, step.bound);
    member.barrier();
    if (!joined_) return false;

    position += pass.rows;
    const bool goes_on = more(done + 1, position) && totals_.n_ending == 0.0;
    const Pass next = goes_on ? pass_from(position, number + 1) : pass;
    if (goes_on) choose(next, position, member);
    RowGather copying = goes_on ? begin_gather(next, table_, member) : RowGather();
    update(last->pass, sums, step.rule, member, copying);
    member.barrier();
    if (member.rank() == 0) joined_ = exchange_->sum(gradient_);
    member.barrier();
    if (!joined_) return false;
    const auto rows = static_cast<size_t>(totals_.rows);
    ascend(pass.k, pass.network, model_.parameters().arena(), gradient_->data(),
           update_rule(model_.config(), pass.settings, number, rows, slice_.n_train), member,
           Networks::both);
    clock.lap();
    if (goes_on) end_gather(next, table_, copying, NoiseBy::id, member);
    const bool cancelled = rollback_.cancelled(Rollback::step_done, member);
    clock.lap();
    if (member.rank() == 0) {
      cancelled_ = cancelled;  // the next step tells the other processes
      count(rows, totals_.bound);
    }
    return goes_on;
  }

  // A step that has diverged joins too, with its bound. So all processes know it.
  void join(size_t rows, double bound) {
    totals_ = {.n_ending = cancelled_ || deadline_.has_passed() ? 1.0 : 0.0,
               .rows = static_cast<double>(rows),
               .bound = bound};
    joined_ = exchange_->join(totals_);
    if (!joined_ || std::isfinite(totals_.bound)) return;
    joined_ = false;
    progress_.diverged = true;
  }

  void count(size_t rows, double bound) {
    progress_.n_steps += 1;
    progress_.n_rows += rows;
    progress_.bound_sum += bound;
    bound_sum_ += bound;
  }

  Model& model_;
  const Table& table_;
  const EpochSlice& slice_;
  size_t batch_;
  double flops_;
  int n_threads_;
  bool sleeps_;
  StepFunction step_function_;
  Buffer<float> drawn_;  // the weights of a step, if they have a posterior
  Workspace ws_, dreams_;
  Rollback rollback_;
  EpochOrder order_;
  Schedule schedule_;
  Exchange* exchange_;  // null: there is no other process
  Gradient gradient_;
  // Thread 0 writes these before a barrier.
  StepTotals totals_;
  bool joined_ = false;
  bool cancelled_ = false;  // thread 0 alone reads it
  Clock::time_point start_;
  Deadline deadline_;
  Progress progress_;
  double bound_sum_;  // summed step by step: one order of summation for any slices
  std::atomic<bool> finite_ = true;
};

}  // namespace

Progress train(Model& model, const Table& table, const EpochSlice& slice,
               Cancellation& cancellation, Exchange* exchange) {
  return Loop(model, table, slice, cancellation, exchange).run();
}

}  // namespace aevb
