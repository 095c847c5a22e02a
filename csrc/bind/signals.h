// Ctrl-C and progress for long work.
#pragma once

#include <pybind11/pybind11.h>

#include "parallel/cancellation.h"

namespace aevb::bind {

// A cancellation that calls progress(done fraction), if it is not None. It rethrows the exception
// of a signal's handler.
inline Cancellation cancel_on_signal(const pybind11::object& progress) {
  return Cancellation([progress = progress.is_none() ? nullptr : &progress](double done) {
    const pybind11::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
    if (progress != nullptr) (*progress)(done);
  });
}

// A cancellation that stops the work on Ctrl-C, and leaves the signal to the interpreter. No
// handler runs before the call has returned, so none sees a model in the middle of a step.
inline Cancellation cancel_on_interrupt() {
  return Cancellation([](double) {
    const pybind11::gil_scoped_acquire gil;
    if (PyOS_InterruptOccurred() == 0) return;  // this clears the signal,
    PyErr_SetInterrupt();                       // so it is set again
    throw std::runtime_error("interrupted");    // to the cancellation, which keeps it
  });
}

}  // namespace aevb::bind
