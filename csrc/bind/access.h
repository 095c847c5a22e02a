// Who may touch what a Python object holds: many calls that read it, or one that changes it.
//
// Training changes weights without the GIL, so the GIL keeps nobody from reading half of a step. A
// reader waits until the call that changes the object has returned (training does every half
// second); then it has one whole step. A call that changes the object waits until nobody reads.
// Readers who come meanwhile wait for it. It lets those in first who have been kept waiting, so
// nobody starves.
//
// Everything here happens with the GIL, which guards the members. Who waits gives it up for a
// moment at a time, and hears Ctrl-C.
#pragma once

#include <pybind11/pybind11.h>
#include <unistd.h>

#include <algorithm>
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

  // A claim keeps other threads from changing the object, between this thread's calls too. Claims
  // nest.
  void claim() {
    look_for_fork();
    check_owner();
    owner_ = self();
    ++n_claims_;
  }
  // A claim that a forked child has forgotten may still be released there.
  void release() {
    if (n_claims_ > 0 && --n_claims_ == 0) owner_ = {};
  }

  void begin_reading() {
    look_for_fork();
    if (changer_ == self()) throw_reentered();
    // who reads already may read again, whoever waits to change the object
    const auto may_enter = [&] {
      return changer_ == Id() && (wanted_by_ == Id() || reads(self()));
    };
    while (!may_enter()) {
      waiting_.push_back(self());
      nap();
      waiting_.erase(std::find(waiting_.begin(), waiting_.end(), self()));
      hear_signals();
    }
    readers_.push_back(self());
  }
  void end_reading() { readers_.erase(std::find(readers_.begin(), readers_.end(), self())); }

  void begin_changing() {
    look_for_fork();
    bool has_turn = false;  // those who had been kept waiting are in
    for (;;) {
      check_owner();
      if (changer_ == self() || reads(self())) throw_reentered();
      has_turn = has_turn || (changer_ == Id() && wanted_by_ == Id() && waiting_.empty());
      if (has_turn && changer_ == Id() && readers_.empty()) break;
      if (has_turn) wanted_by_ = self();
      nap();
      if (has_turn) wanted_by_ = {};
      hear_signals();
    }
    changer_ = self();
  }
  void end_changing() { changer_ = {}; }

 private:
  using Id = std::thread::id;
  static Id self() { return std::this_thread::get_id(); }
  bool reads(Id thread) const {
    return std::find(readers_.begin(), readers_.end(), thread) != readers_.end();
  }

  void check_owner() const {
    if (owner_ == Id() || owner_ == self()) return;
    throw std::runtime_error(
        "model: another thread is training it; wait until that has ended, or train a copy");
  }
  [[noreturn]] static void throw_reentered() {
    throw std::runtime_error(
        "model: this thread is in a call that reads or changes it, and has come here by a callback "
        "or a signal's handler; change it when that call has returned");
  }

  static void nap() {
    const pybind11::gil_scoped_release nogil;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  // The handlers may use the object: while they run, this thread is not noted as waiting.
  static void hear_signals() {
    if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
  }

  // A forked child has none of its parent's other threads. What one of them was changing will never
  // be whole.
  void look_for_fork() {
    if (getpid() != process_) {
      process_ = getpid();
      is_torn_ = changer_ != Id();
      std::erase_if(readers_, [](Id thread) { return thread != self(); });
      waiting_.clear();
      wanted_by_ = changer_ = {};
      if (owner_ != self()) {
        owner_ = {};
        n_claims_ = 0;
      }
    }
    if (!is_torn_) return;
    throw std::runtime_error(
        "model: another thread was training it when this process was forked; its weights are of no "
        "step. Fork when it is not in training, or load it from a file");
  }

  std::vector<Id> readers_;  // a thread for each of its calls
  std::vector<Id> waiting_;  // readers who wait
  Id changer_;
  Id wanted_by_;  // who waits for the readers, to change the object
  Id owner_;
  int n_claims_ = 0;  // of the owner
  pid_t process_ = getpid();
  bool is_torn_ = false;
};

// For the time of a call, which may give up the GIL in between.
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

// A claim as Python has it: a context, which ends with its object at the latest.
class Claim {
 public:
  Claim(Access& access, pybind11::object owner) : access_(&access), owner_(std::move(owner)) {
    access_->claim();
  }
  Claim(Claim&& other) noexcept : access_(other.access_), owner_(std::move(other.owner_)) {
    other.access_ = nullptr;
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;
  ~Claim() { release(); }
  void release() {
    if (access_ != nullptr) access_->release();
    access_ = nullptr;
  }

 private:
  Access* access_;
  pybind11::object owner_;  // keeps the object of access_ alive
};

}  // namespace aevb::bind
