// Who may touch what a Python object holds: many calls that read it, or one that changes it.
//
// Training changes weights without the GIL, so the GIL keeps nobody from reading half of a step. A
// reader waits until a call that changes the object returns (training does every half second), and
// then has all of one step. A call that trains waits for those who read; new readers wait for it,
// and it waits for readers who have been kept waiting, so that nobody starves. Whoever waits does
// so without the GIL, and hears Ctrl-C.
#pragma once

#include <pybind11/pybind11.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

namespace aevb::bind {

class Access {
 public:
  Access() = default;
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

  // Another thread may not change the object while this one has claimed it, between the calls that
  // change it too. Claims of one thread nest.
  void claim() {
    const std::thread::id self = std::this_thread::get_id();
    std::thread::id nobody;
    if (owner_.load() != self && !owner_.compare_exchange_strong(nobody, self)) {
      if (!is_forked()) throw_in_training();
      forget_parents_threads(0);
      owner_.store(self);
    }
    ++n_claims_;
  }
  void release() {
    if (owner_.load() != std::this_thread::get_id()) return;
    if (--n_claims_ == 0) owner_.store({});
  }

  void begin_reading() {
    const bool again = reads();  // then the object is as it was, whoever waits to change it
    const auto enter = [&] {
      uint32_t seen = state_.load(std::memory_order_relaxed);
      while (again || (seen & (kChanging | kWanted)) == 0) {
        if (state_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire)) return true;
      }
      return false;
    };
    if (!enter()) {
      n_waiting_.fetch_add(1);
      const CountDown waiting{n_waiting_};
      wait_until(enter, 1);
    }
    held().push_back(this);
  }
  void end_reading() {
    std::vector<const Access*>& mine = held();
    mine.erase(std::find(mine.begin(), mine.end(), this));
    state_.fetch_sub(1, std::memory_order_release);
  }

  void begin_changing() {
    if (reads()) {
      throw std::runtime_error(
          "model: it is being read by the call that this one comes out of (a progress callback or "
          "a "
          "signal's handler); change it when that has returned");
    }
    const std::thread::id owner = owner_.load();
    if (owner != std::thread::id() && owner != std::this_thread::get_id()) {
      if (!is_forked()) throw_in_training();
      forget_parents_threads(0);
    }
    const auto want = [&] {
      uint32_t seen = state_.load(std::memory_order_relaxed);
      while ((seen & (kChanging | kWanted)) == 0 && n_waiting_.load() == 0) {
        if (state_.compare_exchange_weak(seen, seen | kWanted, std::memory_order_relaxed))
          return true;
      }
      return false;
    };
    const auto enter = [&] {
      uint32_t alone = kWanted;
      return state_.compare_exchange_strong(alone, kChanging, std::memory_order_acquire);
    };
    if (!want()) wait_until(want, 0);
    try {
      if (!enter()) wait_until(enter, 0);
    } catch (...) {
      state_.fetch_and(~kWanted);
      throw;
    }
  }
  void end_changing() { state_.fetch_and(~kChanging, std::memory_order_release); }

 private:
  static constexpr uint32_t kChanging = uint32_t{1} << 31;
  static constexpr uint32_t kWanted = uint32_t{1} << 30;  // by one who waits for the readers

  struct CountDown {
    std::atomic<uint32_t>& count;
    ~CountDown() { count.fetch_sub(1); }
  };

  // What this thread reads: a callback out of a call that reads may read again, but change nothing.
  static std::vector<const Access*>& held() {
    static thread_local std::vector<const Access*> objects;
    return objects;
  }
  bool reads() const { return std::find(held().begin(), held().end(), this) != held().end(); }

  [[noreturn]] static void throw_in_training() {
    throw std::runtime_error(
        "model: another thread is training it; wait until that has ended, or train a copy");
  }

  // Without the GIL, which is held before and after; n_waiting of n_waiting_ are this thread.
  template <class Done>
  void wait_until(Done done, uint32_t n_waiting) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::microseconds kNap{100};
    constexpr std::chrono::milliseconds kLook{50};
    const pybind11::gil_scoped_release nogil;
    Clock::time_point next_look = Clock::now();
    while (!done()) {
      if (Clock::now() >= next_look) {
        const pybind11::gil_scoped_acquire gil;
        if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
        if (is_forked()) forget_parents_threads(n_waiting);
        next_look = Clock::now() + kLook;
      }
      std::this_thread::sleep_for(kNap);
    }
  }

  bool is_forked() const { return getpid() != process_; }
  // A forked child has nobody else to wait for. What was being changed will never be whole.
  void forget_parents_threads(uint32_t n_waiting) {
    if ((state_.load() & kChanging) != 0) {
      throw std::runtime_error(
          "model: another thread was training it when this process was forked; its weights are of "
          "no step. Fork when it is not in training, or load it from a file");
    }
    const auto n_mine = static_cast<uint32_t>(std::count(held().begin(), held().end(), this));
    state_.store(n_mine);
    n_waiting_.store(n_waiting);
    if (owner_.load() != std::this_thread::get_id()) {
      owner_.store({});
      n_claims_ = 0;
    }
    process_ = getpid();
  }

  std::atomic<uint32_t> state_{0};      // readers, and the two bits above
  std::atomic<uint32_t> n_waiting_{0};  // readers who wait
  std::atomic<std::thread::id> owner_{};
  int n_claims_ = 0;  // of the owner
  pid_t process_ = getpid();
};

// For the time of a call; both begin and end with or without the GIL, but begin with it.
class Reading {
 public:
  explicit Reading(Access& access) : access_(access) { access_.begin_reading(); }
  ~Reading() { access_.end_reading(); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

 private:
  Access& access_;
};

class Changing {
 public:
  explicit Changing(Access& access) : access_(access) { access_.begin_changing(); }
  ~Changing() { access_.end_changing(); }
  Changing(const Changing&) = delete;
  Changing& operator=(const Changing&) = delete;

 private:
  Access& access_;
};

}  // namespace aevb::bind
