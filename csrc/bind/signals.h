// Ctrl-C and progress for long work.
#pragma once

#include <pybind11/pybind11.h>

#include "watch.h"

namespace aevb::bind {

// Calls progress(done fraction), if it is not None, and raises what a signal's handler raised.
inline Watch watch_for(const pybind11::object& progress) {
  return Watch([progress = progress.is_none() ? nullptr : &progress](double done) {
    const pybind11::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
    if (progress != nullptr) (*progress)(done);
  });
}

}  // namespace aevb::bind
