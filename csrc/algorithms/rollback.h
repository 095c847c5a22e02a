// How a step of training is cancelled: a short one at its end, a long one also in between. Then the
// weights and accumulators from before the step come back.
#pragma once

#include "model/model.h"

namespace aevb {

class Rollback {
 public:
  // For steps of this many rows of z, and operations of a thread.
  Rollback(Cancellation& cancellation, Model& model, size_t rows, double flops)
      : cancellation_(cancellation), is_long_(flops >= kLongFlops) {
    if (flops < kRestorableFlops || rows < kRestorableRows) return;
    for (const Role role : kRoles) {
      float* array = model.parameters().data(role);
      if (array != nullptr) copies_.push_back({array, Buffer<float>(model.parameters().size())});
    }
  }

  // What may stop the work before any weight moves, and from then on; null: nothing.
  Cancellation* before_update() const { return is_long_ ? &cancellation_ : nullptr; }
  Cancellation* in_update() const { return can_restore() ? &cancellation_ : nullptr; }
  bool can_restore() const { return !copies_.empty(); }

  // Whether any thread may have left out work until here, the same on all of them; with a barrier,
  // unless the step is short and not at its end. The places are in the order of a step, each once:
  // by when one comes again there were other barriers, and every thread has read its answer.
  enum Point { gathered, decoder_done, encoder_done, step_done };
  bool cancelled(Point point, Member& member) {
    if (!is_long_ && point != step_done) return false;
    bool& answer = answers_[point];
    if (member.rank() == 0) answer = !cancellation_.may_continue(member);
    member.barrier();
    return answer;
  }

  // Copies the weights and accumulators, if the update can be undone; ends with a barrier then.
  void save(Member& member) {
    for (Copy& copy : copies_) move(copy.of, copy.kept.data(), share(member));
    if (can_restore()) member.barrier();
  }
  // This thread's share of them as they were. No barrier.
  void restore(const Member& member) {
    for (Copy& copy : copies_) move(copy.kept.data(), copy.of, share(member));
  }

 private:
  // A thread's operations in a step that is long, some milliseconds, and in one whose update is.
  static constexpr double kLongFlops = 5e8;
  static constexpr double kRestorableFlops = 5e9;
  // Rows from which on the update can be undone: with fewer it takes long only where the weights
  // are tens of millions or more, and then so would their copy.
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
