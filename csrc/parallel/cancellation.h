// Cancellation and progress of long work. The thread that began the work reports between tasks. An
// exception from the report ends the work on every thread, and is rethrown at the end.
#pragma once

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <thread>

#include "base/buffer.h"
#include "parallel/team.h"

namespace aevb {

class Cancellation {
 public:
  // Receives the fraction of the work that is done. It runs on the thread that began the work, with
  // subnormals enabled.
  using Report = std::function<void(double done)>;

  explicit Cancellation(Report report) : report_(std::move(report)) {}

  // The total amount of work, and how much more of it is done, in units of the caller's choice.
  void expect_work(double total) {
    total_ = total;
    done_.store(0.0, std::memory_order_relaxed);
  }
  void add_done(double amount) { done_.fetch_add(amount, std::memory_order_relaxed); }

  // Whether to go on. Thread 0 also reports, if its last report is some time ago.
  bool may_continue(const Member& member) {
    if (member.rank() == 0 && Clock::now() >= next_) report();
    return !requested_.load(std::memory_order_relaxed);
  }

  // For a team whose steps contain a barrier: thread 0 reports when a step begins. After the step,
  // every thread gets the same answer from ends_after: whether it was the last step.
  void begin_step(size_t step, const Member& member) {
    if (may_continue(member) || member.rank() != 0) return;
    last_.store(std::min(step, last_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
  }
  bool ends_after(size_t step) const { return step >= last_.load(std::memory_order_relaxed); }

  bool requested() const { return requested_.load(std::memory_order_relaxed); }
  // Rethrows the exception that stopped the work, if there is one.
  void rethrow() const {
    if (error_ != nullptr) std::rethrow_exception(error_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kEvery{50};

  void report() {
    if (requested_.load(std::memory_order_relaxed)) return;
    const FlushSubnormals callers(false);
    try {
      report_(total_ > 0.0 ? done_.load(std::memory_order_relaxed) / total_ : 1.0);
    } catch (...) {
      error_ = std::current_exception();
      requested_.store(true, std::memory_order_relaxed);
    }
    next_ = Clock::now() + kEvery;
  }

  Report report_;
  double total_ = 1.0;
  std::atomic<double> done_{0.0};
  std::atomic<bool> requested_{false};
  std::atomic<size_t> last_{std::numeric_limits<size_t>::max()};  // the last step of a team
  std::exception_ptr error_;
  Clock::time_point next_ = Clock::now() + kEvery;
};

// Calls f(member, task) for each of n tasks. The next free thread takes the next task, so a result
// must not depend on the thread. Thread 0 keeps reporting until the other threads are done. Returns
// early after a cancellation.
template <class F>
void share_tasks(int n_threads, size_t n, Cancellation& cancellation, F f) {
  constexpr std::chrono::microseconds kNap{50};  // short compared with a task
  std::atomic<size_t> next{0};
  std::atomic<unsigned> n_finished{0};
  run_team(n_threads, [&](Member& member) {
    while (cancellation.may_continue(member)) {
      const size_t task = next.fetch_add(1, std::memory_order_relaxed);
      if (task >= n) break;
      f(member, task);
    }
    n_finished.fetch_add(1, std::memory_order_release);
    if (member.rank() != 0) return;
    while (n_finished.load(std::memory_order_acquire) < member.size()) {
      std::this_thread::sleep_for(kNap);
      cancellation.may_continue(member);
    }
  });
}

// The same; then rethrows the exception that stopped the work.
template <class F>
void run_tasks(int n_threads, size_t n, Cancellation& cancellation, F f) {
  share_tasks(n_threads, n, cancellation, f);
  cancellation.rethrow();
}

// Copies `from` to `to`, until a cancellation.
inline void copy(const Buffer<float>& from, Buffer<float>& to, Cancellation& cancellation) {
  constexpr size_t kValues = size_t{1} << 20;  // at a time, in some milliseconds
  const SerialTeam serial;
  Buffer<float> copied(from.size());
  for (size_t i = 0; i < from.size() && cancellation.may_continue(serial); i += kValues) {
    std::memcpy(copied.data() + i, from.data() + i,
                std::min(kValues, from.size() - i) * sizeof(float));
  }
  to.swap(copied);
}

}  // namespace aevb
