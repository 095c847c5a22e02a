// Threads: the only OpenMP in the project.
//
// A team runs one function on every thread from start to end (no fork and join per loop); the
// threads meet at barriers between phases. Which thread does what never changes a result, because
// every output element is computed whole by one thread, in one order of summation.
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

// Sense-reversing barrier. Spins with a pause for a bounded time, then sleeps until woken, so that
// a team makes progress on a machine that is busy with other things (libgomp's barrier spins its
// whole window when team = cores; yielding instead of sleeping gives the core to whoever spins
// hardest).
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
  static constexpr int kSpins =
      4000;  // about 50-100 us: longer than any balanced phase keeps a thread waiting
  static void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  }
  alignas(kCacheLine) std::atomic<unsigned> arrived_{0};
  alignas(kCacheLine) std::atomic<unsigned> phase_{0};
  const unsigned size_;
};

// What the tests learn of all teams of this process, and do to them.
struct TeamProbe {
  std::atomic<int> largest{0};  // threads of the largest team since this was set to 0
  // The thread that leaves every barrier late, and the thread that takes a piece of work and begins
  // it late; -1: none does. (The others take all the pieces of a thread that is late at a barrier.)
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

// How much of one thread's part of a phase's work is taken: from the front by itself, from the back
// by others, who have no more of theirs. Work is dealt at most once from barrier to barrier; the
// deal's number tells its counts from the last deal's, so that nobody has to reset them. (Numbers
// come again after 65536 deals: a part that had pieces has some again sooner than that, or never.)
class alignas(kCacheLine) WorkDeque {
 public:
  static constexpr size_t kMost = (size_t{1} << 24) - 1;  // pieces of a part

  // Some of a part of n pieces: as many as `choose`, told the rest, says, from the front or the
  // back. Empty if that is none, or none is left.
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
      // what the pieces are made of, the last barrier has made seen
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
  WorkDeque* deques;  // (size,)
};

// One thread's place in a running team.
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
  // The number of the deal of work that begins, and what it takes from a thread's part.
  uint16_t next_loop() { return ++n_loops_; }
  WorkDeque& deque(unsigned rank) { return team_.deques[rank]; }
  // This thread's contiguous part of n equal pieces of work.
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

// Threads that libgomp keeps for the one that calls, with it: as many as its last team had.
inline int& kept_threads() {
  static thread_local int n = 1;
  return n;
}

// How many of n_threads to ask OpenMP for. libgomp ends the process where the system refuses it a
// thread, so those that it does not keep are begun for trial, all at once; if they cannot be had,
// the kept ones have to do. (What was free in the trial may be taken a moment later: where others
// begin threads up to the same limit, no more can be promised.)
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

// Runs body(Member&) on n_threads threads, or on fewer where there are not as many to be had,
// subnormals flushed in each. The body must not throw between barriers: everything that can fail
// (allocation, checks) happens before.
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
  // ThreadSanitizer knows pthreads and not libgomp, whose start and end of a team it would take for
  // races. What the threads do in between is the same code.
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
  // OpenMP may grant fewer threads than asked for (nested regions, limits): the barrier is made for
  // what it gave.
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

// Operations for which a thread is worth waking: some 50 us of work, against some 8 barriers of up
// to 1 us each. The tests set it to 0, so that small networks use every thread they are given.
inline std::atomic<double> flops_per_thread{4e6};

// Threads worth waking for a step, or a block of rows, of this many flops.
inline int useful_threads(int n_threads, double flops) {
  const double useful = flops / flops_per_thread.load(std::memory_order_relaxed);
  return useful < n_threads ? std::max(1, static_cast<int>(useful)) : n_threads;
}

}  // namespace aevb
