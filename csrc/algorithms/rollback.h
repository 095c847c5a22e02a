// Cancellation of a training step. A short step is cancelled at its end, a long one also inside.
// Then a rollback restores the weights and accumulators from before the step.
#pragma once

#include "model/model.h"

namespace aevb {

class Rollback {
 public:
  // For steps with this many rows of z, and this many operations per thread.
  Rollback(Cancellation& cancellation, Model& model, size_t rows, double flops)
      : cancellation_(cancellation), is_long_(flops >= kLongFlops) {
    if (flops < kRestorableFlops || rows < kRestorableRows) return;
    for (const Role role : kRoles) {
      float* array = model.parameters().data(role);
      if (array != nullptr) copies_.push_back({array, Buffer<float>(model.parameters().size())});
    }
  }

  // The cancellation that may stop the work before any weight changes, and the one for the update;
  // null: none.
  Cancellation* before_update() const { return is_long_ ? &cancellation_ : nullptr; }
  Cancellation* in_update() const { return can_restore() ? &cancellation_ : nullptr; }
  bool can_restore() const { return !copies_.empty(); }

  // Whether a thread may have left out work so far; the same answer on all threads. Has a barrier,
  // unless the step is short and this is not its end. The points are in the order of a step, and
  // each occurs once per step. So all threads have read an answer, and passed other barriers,
  // before it is written again.
  enum Point { gathered, decoder_done, encoder_done, step_done };
  bool cancelled(Point point, Member& member) {
    if (!is_long_ && point != step_done) return false;
    bool& answer = answers_[point];
    if (member.rank() == 0) answer = !cancellation_.may_continue(member);
    member.barrier();
    return answer;
  }

  // Copies the weights and accumulators, if the update can be undone; then it ends with a barrier.
  void save(Member& member) {
    for (Copy& copy : copies_) move(copy.of, copy.kept.data(), share(member));
    if (can_restore()) member.barrier();
  }
  // Restores this thread's share of them. No barrier.
  void restore(const Member& member) {
    for (Copy& copy : copies_) move(copy.kept.data(), copy.of, share(member));
  }

 private:
  // Operations per thread of a long step (some milliseconds), and of a step whose update is long.
  static constexpr double kLongFlops = 5e8;
  static constexpr double kRestorableFlops = 5e9;
  // The update can be undone from this many rows on. With fewer, it is long only if there are tens
  // of millions of weights or more, and copying them would be as long.
  static constexpr size_t kRestorableRows = 500;

  struct Copy {
    float* of;
    Buffer<float> kept;
  };
  Range share(const Member& member) const { return member.share(copies_.front().kept.size()); }
  static void move(const float* from, float* to, Range part) {
    if (!part.empty()) std::memcpy(to + part.begin, from + part.begin, part.size() * sizeof(float));
  }

  Cancellation& cancellation_;
  bool is_long_;
  bool answers_[step_done + 1] = {};
  std::vector<Copy> copies_;
};

}  // namespace aevb
