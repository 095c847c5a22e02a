// Code that the algorithms with an encoder share. A step begins with the forward pass and the
// decoder's deltas. It ends with an update of all weights, or of one network's weights.
#pragma once

#include <chrono>
#include <optional>

#include "algorithms/rollback.h"
#include "algorithms/slice.h"
#include "engine/pass.h"

namespace aevb {

// A clock of the phases on thread 0.
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
  using Clock = std::chrono::steady_clock;
  double* seconds_;
  size_t phase_ = 0;
  Clock::time_point last_;
};

// The time at which the slice has to end.
class Deadline {
 public:
  explicit Deadline(double seconds)
      : at_(Clock::now() +
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds))) {}
  // Thread 0 reads the clock, before a barrier. After it, all threads may ask has_passed().
  void look(const Member& member) {
    if (member.rank() == 0) has_passed_ = Clock::now() >= at_;
  }
  bool has_passed() const { return has_passed_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point at_;
  bool has_passed_ = false;
};

// One thread's view of a step.
struct Step {
  Pass pass;  // over the minibatch
  UpdateRule rule;
  Arena arena;
  Rollback& rollback;
  Deadline& deadline;
  PhaseClock& clock;
  double bound = 0.0;     // sum over the minibatch, after the forward pass
  bool diverged = false;  // the bound is not finite
};

// The update that ends a step. During it, the rows of the next minibatch are copied.
struct PendingUpdate {
  Pass pass;
  Networks networks;
};

// Runs a step up to its last update, on every thread. Returns nothing if the step was cancelled or
// has diverged.
using StepFunction = std::optional<PendingUpdate> (*)(Step& step, Workspace& dreams,
                                                      Member& member);

// The forward pass, the bound and the decoder's deltas. False if the step was cancelled or has
// diverged.
bool forward_and_backward_decoder(Step& step, Member& member);

// Stochastic gradient variational Bayes, Algorithm 1 of the paper.
std::optional<PendingUpdate> sgvb_step(Step& step, Workspace& dreams, Member& member);

// Wake-sleep (Hinton, Dayan, Frey, Neal 1995). The decoder takes a step up log p(x, z) for z ~
// q(z|x). Then the encoder takes a step up log q(z|x) for dreams: x and z drawn from the model.
// `dreams` is the workspace for these.
std::optional<PendingUpdate> wake_sleep_step(Step& step, Workspace& dreams, Member& member);

}  // namespace aevb
