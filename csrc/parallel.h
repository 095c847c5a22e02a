// Threads: the only OpenMP in the project.
//
// A team runs one function on every thread from start to end (no fork and join per loop); the
// threads meet at barriers between phases. Work is shared statically: which thread does what never
// changes a result, because every output element is computed whole by one thread, in one order of
// summation.
#pragma once

#include <omp.h>

#include <atomic>
#include <optional>
#ifdef __SANITIZE_THREAD__
#include <thread>
#include <vector>
#endif

#include "base.h"
#include "float_env.h"

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

// One thread's place in a running team.
class Member {
 public:
  Member(unsigned rank, unsigned size, Barrier& barrier)
      : rank_(rank), size_(size), barrier_(barrier) {}
  unsigned rank() const { return rank_; }
  unsigned size() const { return size_; }
  void barrier() { barrier_.wait(); }
  // This thread's contiguous part of n equal pieces of work.
  Range share(size_t n) const { return {n * rank_ / size_, n * (rank_ + 1) / size_}; }

 private:
  unsigned rank_;
  unsigned size_;
  Barrier& barrier_;
};

// Runs body(Member&) on n_threads threads, subnormals flushed in each. The body must not throw
// between barriers: everything that can fail (allocation, checks) happens before.
template <class Body>
void run_team(int n_threads, Body&& body) {
  if (n_threads <= 1) {
    FlushSubnormals flush;
    Barrier barrier(1);
    Member member(0, 1, barrier);
    body(member);
    return;
  }
#ifdef __SANITIZE_THREAD__
  // ThreadSanitizer knows pthreads and not libgomp, whose start and end of a team it would take for
  // races. What the threads do in between is the same code.
  const auto size = static_cast<unsigned>(n_threads);
  Barrier barrier(size);
  const auto run = [&](unsigned rank) {
    FlushSubnormals flush;
    Member member(rank, size, barrier);
    body(member);
  };
  std::vector<std::thread> others;
  for (unsigned rank = 1; rank < size; ++rank) others.emplace_back(run, rank);
  run(0);
  for (std::thread& other : others) other.join();
#else
  // OpenMP may grant fewer threads than asked for (nested regions, limits): the barrier is made for
  // what it gave.
  std::optional<Barrier> barrier;
#pragma omp parallel num_threads(n_threads) shared(barrier)
  {
    const auto size = static_cast<unsigned>(omp_get_num_threads());
#pragma omp single
    barrier.emplace(size);
    FlushSubnormals flush;
    Member member(static_cast<unsigned>(omp_get_thread_num()), size, *barrier);
    body(member);
  }
#endif
}

}  // namespace aevb
