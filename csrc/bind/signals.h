// Ctrl-C and progress for long work.
#pragma once

#include <pybind11/pybind11.h>

#include "parallel/cancellation.h"

namespace aevb::bind {

// Calls progress(done fraction), if it is not None, and raises what a signal's handler raised.
inline Cancellation cancel_on_signal(const pybind11::object& progress) {
  return Cancellation([progress = progress.is_none() ? nullptr : &progress](double done) {
    const pybind11::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
    if (progress != nullptr) (*progress)(done);
  });
}

// Stops the work when Ctrl-C was pressed, and leaves that to the interpreter: no handler runs
// before the call has returned, so that none sees a model in the midst of a step.
inline Cancellation cancel_on_interrupt() {
  return Cancellation([](double) {
    const pybind11::gil_scoped_acquire gil;
    if (PyOS_InterruptOccurred() == 0) return;  // which has cleared it,
    PyErr_SetInterrupt();                       // so it is made pending again
    throw std::runtime_error("interrupted");    // to the cancellation, which keeps it
  });
}

}  // namespace aevb::bind
