// Access to an object that several Python threads may use: many calls may read it, or one may
// change it.
//
// Training changes weights without the GIL, so the GIL does not stop a reader in the middle of a
// step. A reader therefore waits for the end of the call that changes the object. Training ends
// such a call every half second, after a whole step. A call that changes the object waits until
// nobody reads. Readers that come meanwhile wait for it. First it lets in the readers that were
// waiting already, so nobody starves.
//
// Every function here runs with the GIL, which guards the members. A waiting thread releases the
// GIL for a moment at a time, and handles signals such as Ctrl-C.
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

  // A claim keeps other threads from changing the object, also between this thread's calls. Claims
  // nest.
  void claim() {
    look_for_fork();
    check_owner();
    owner_ = self();
    ++n_claims_;
  }
  // A forked child may release a claim that it has already dropped.
  void release() {
    if (n_claims_ > 0 && --n_claims_ == 0) owner_ = {};
  }

  void begin_reading() {
    look_for_fork();
    if (changer_ == self()) throw_reentered();
    // A thread that reads already may read again, even if another one waits to change the object.
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
    bool has_turn = false;  // the readers that were waiting are in
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
        "model: this thread is in a call that reads or changes it, which has run a callback or "
        "a signal's handler; change it after that call has returned");
  }

  static void nap() {
    const pybind11::gil_scoped_release nogil;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  // Runs the signals' handlers. They may use the object, so this thread is not listed as waiting
  // then.
  static void hear_signals() {
    if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
  }

  // A forked child has only one of its parent's threads. If another one was changing the object,
  // its state stays incomplete.
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

  std::vector<Id> readers_;  // one entry per call
  std::vector<Id> waiting_;  // readers that wait
  Id changer_;
  Id wanted_by_;  // the thread that waits for the readers, to change the object
  Id owner_;
  int n_claims_ = 0;  // of the owner
  pid_t process_ = getpid();
  bool is_torn_ = false;
};

// Reading access for the time of a call, which may release the GIL.
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

// A claim in Python: a context. It ends with its object at the latest.
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
