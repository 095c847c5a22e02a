// Thread teams. No other file of the project uses OpenMP.
//
// A team runs one function on every thread from start to end. Its threads meet at barriers between
// phases; there is no fork and join per loop. A result never depends on which thread computes it:
// one thread computes each output element whole, in one order of summation.
#pragma once

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "base/float_env.h"
#include "base/sizes.h"

namespace aevb {

inline int max_threads() { return omp_get_max_threads(); }

// A sense-reversing barrier. A thread spins for a bounded time and then sleeps until it is woken.
// So a team makes progress on a busy machine. (libgomp's barrier would spin its whole window when
// the team has as many threads as the machine has cores. With a yield in place of the sleep, the
// threads that spin get the core.)
class Barrier {
 public:
  explicit Barrier(unsigned size) : size_(size) {}

  void wait() {
    if (size_ == 1) return;
    const unsigned phase = phase_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
      phase_.notify_all();
      return;
    }
    for (int spin = 0; spin < kSpins; ++spin) {
      if (phase_.load(std::memory_order_acquire) != phase) return;
      pause();
    }
    phase_.wait(phase, std::memory_order_acquire);
  }

 private:
  static constexpr int kSpins = 4000;  // about 50-100 us: longer than a wait in a balanced phase
  static void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  }
  alignas(kCacheLine) std::atomic<unsigned> arrived_{0};
  alignas(kCacheLine) std::atomic<unsigned> phase_{0};
  const unsigned size_;
};

// What the tests observe of all teams of this process, and change in them.
struct TeamProbe {
  std::atomic<int> largest{0};  // threads of the largest team since this was set to 0
  // The thread that leaves every barrier late, and the thread that begins every task late; -1:
  // none. (A thread that is late at a barrier loses all its tasks to the others.)
  std::atomic<int> late_rank{-1}, slow_rank{-1};

  void note(unsigned size) {
    const int n = static_cast<int>(size);
    int seen = largest.load(std::memory_order_relaxed);
    while (seen < n && !largest.compare_exchange_weak(seen, n, std::memory_order_relaxed)) {
    }
  }
  static void delay(const std::atomic<int>& which, unsigned rank) {
    if (which.load(std::memory_order_relaxed) != static_cast<int>(rank)) return;
    std::this_thread::sleep_for(std::chrono::microseconds(300));  // longer than the tests' phases
  }
};
inline TeamProbe team_probe;

// The blocks of one thread's share of a loop, of which some are taken. The owner takes blocks from
// the front; other threads steal from the back when they have none left. There is at most one loop
// between two barriers. The loop's number tells current counts from those of an earlier loop, so
// nobody resets them. (Numbers repeat after 65536 loops. A share that is ever not empty is touched
// more often than that.)
class alignas(kCacheLine) WorkDeque {
 public:
  static constexpr size_t kMost = (size_t{1} << 24) - 1;  // blocks of a share

  // Takes blocks from the front or the back of a share of n blocks. `choose` receives the range
  // that is left, and returns how many to take. The result is empty if that is 0 or none is left.
  template <class Choose>
  Range take(uint16_t loop, size_t n, bool from_front, Choose choose) {
    uint64_t seen = state_.load(std::memory_order_relaxed);
    for (;;) {
      const bool touched = seen >> 48 == loop;
      const size_t front = touched ? seen >> 24 & kMost : 0;
      const size_t back = touched ? seen & kMost : 0;
      const Range rest = {front, n - back};
      if (rest.empty()) return {};
      const size_t some = choose(rest);
      if (some == 0) return {};
      const uint64_t taken = from_front ? (front + some) << 24 | back : front << 24 | (back + some);
      // relaxed: the last barrier has made visible all that the tasks read
      if (state_.compare_exchange_weak(seen, uint64_t{loop} << 48 | taken,
                                       std::memory_order_relaxed)) {
        return from_front ? Range{front, front + some} : Range{rest.end - some, rest.end};
      }
    }
  }

 private:
  std::atomic<uint64_t> state_{0};
};

// What the threads of a team have in common.
struct Team {
  Team(unsigned size, WorkDeque* deques) : size(size), barrier(size), deques(deques) {}
  const unsigned size;
  Barrier barrier;
  WorkDeque* deques;  // (size,), or null for one thread
};

// One thread of a running team.
class Member {
 public:
  Member(unsigned rank, unsigned size, Team& team) : rank_(rank), size_(size), team_(team) {}
  unsigned rank() const { return rank_; }
  unsigned size() const { return size_; }
  void barrier() {
    team_.barrier.wait();
    team_probe.delay(team_probe.late_rank, rank_);
  }
  void begin_task() const { team_probe.delay(team_probe.slow_rank, rank_); }
  // The number of the work-stealing loop that begins, and a thread's deque in it.
  uint16_t next_loop() { return ++n_loops_; }
  WorkDeque& deque(unsigned rank) { return team_.deques[rank]; }
  // This thread's contiguous share of n equal pieces of work.
  Range share(size_t n) const { return {n * rank_ / size_, n * (rank_ + 1) / size_}; }

 private:
  unsigned rank_;
  unsigned size_;
  Team& team_;
  uint16_t n_loops_ = 0;
};

// A team of the calling thread alone.
class SerialTeam : private Team, public Member {
 public:
  SerialTeam() : Team(1, nullptr), Member(0, 1, *this) {}
};

// Threads that libgomp keeps for the calling thread, that thread included: as many as its last team
// had.
inline int& kept_threads() {
  static thread_local int n = 1;
  return n;
}

// How many of n_threads to ask OpenMP for. libgomp ends the process if the system refuses a thread.
// So the threads that libgomp does not keep are first started as a trial, all at once. If one
// cannot be started, the result is the number of kept threads. (Another process may take the
// threads after the trial; no more can be promised.)
inline int obtainable_threads(int n_threads) {
  const int n_kept = kept_threads();
  if (n_threads <= n_kept || omp_in_parallel()) return n_threads;
  const auto n_new = static_cast<size_t>(n_threads - n_kept);
  std::vector<std::thread> trial;
  std::atomic<bool> over = false;
  try {
    trial.reserve(n_new);
    while (trial.size() < n_new) trial.emplace_back([&over] { over.wait(false); });
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  over = true;
  over.notify_all();
  for (std::thread& thread : trial) thread.join();
  return trial.size() == n_new ? n_threads : n_kept;
}

// Runs body(Member&) on n_threads threads, or on fewer if they cannot be had. Subnormals are
// flushed in each. The body must not throw: whatever can fail (allocation, checks) must come before
// it.
template <class Body>
void run_team(int n_threads, Body&& body) {
  n_threads = obtainable_threads(n_threads);
  if (n_threads <= 1) {
    FlushSubnormals flush;
    team_probe.note(1);
    SerialTeam serial;
    Member& member = serial;
    body(member);
    return;
  }
  const auto deques = std::make_unique<WorkDeque[]>(static_cast<size_t>(n_threads));
#ifdef __SANITIZE_THREAD__
  // ThreadSanitizer knows pthreads but not libgomp. It would report the start and end of a libgomp
  // team as races. The code between them is the same.
  const auto size = static_cast<unsigned>(n_threads);
  Team team(size, deques.get());
  team_probe.note(size);
  const auto run = [&](unsigned rank) {
    FlushSubnormals flush;
    Member member(rank, size, team);
    body(member);
  };
  std::vector<std::thread> others;
  for (unsigned rank = 1; rank < size; ++rank) others.emplace_back(run, rank);
  run(0);
  for (std::thread& other : others) other.join();
#else
  // OpenMP may give fewer threads than asked for (nested regions, limits). The barrier is made for
  // the threads that it gives.
  std::optional<Team> team;
#pragma omp parallel num_threads(n_threads) shared(team)
  {
    const auto size = static_cast<unsigned>(omp_get_num_threads());
#pragma omp single
    {
      team.emplace(size, deques.get());
      team_probe.note(size);
    }
    FlushSubnormals flush;
    Member member(static_cast<unsigned>(omp_get_thread_num()), size, *team);
    body(member);
  }
  if (!omp_in_parallel()) kept_threads() = static_cast<int>(team->size);
#endif
}

// Operations that justify one more thread: some 50 us of work, against some 8 barriers of up to 1
// us each. The tests set it to 0, so that small networks use every thread they are given.
inline std::atomic<double> flops_per_thread{4e6};

// The number of threads that a step or a block of rows of so many operations justifies.
inline int useful_threads(int n_threads, double flops) {
  const double useful = flops / flops_per_thread.load(std::memory_order_relaxed);
  return useful < n_threads ? std::max(1, static_cast<int>(useful)) : n_threads;
}

}  // namespace aevb
