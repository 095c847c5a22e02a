// The exchange of a step's sums with the other processes that train the same model.
#pragma once

#include <exception>
#include <functional>
#include <memory>

#include "base/buffer.h"
#include "base/float_env.h"
#include "base/sizes.h"

namespace aevb {

// What all processes together contribute to a step.
struct StepTotals {
  double n_failed = 0.0;  // processes that have failed, and take no more steps
  double n_ending = 0.0;  // processes for which this step has to be the last
  double rows = 0.0;
  double bound = 0.0;
};

// The sum over a step's rows. Who has seen it may keep it.
using Gradient = std::shared_ptr<Buffer<float>>;

// Its functions replace numbers by their sums over all processes. Thread 0 calls them, with
// subnormals enabled. If one throws, there are no sums, and the steps end.
class Exchange {
 public:
  using Join = std::function<void(StepTotals& totals)>;
  using Sum = std::function<void(const Gradient& values)>;
  Exchange(Join join, Sum sum) : join_(std::move(join)), sum_(std::move(sum)) {}

  // False if there are no sums.
  bool join(StepTotals& totals) {
    return attempt([&] { join_(totals); });
  }
  bool sum(const Gradient& values) {
    return attempt([&] { sum_(values); });
  }
  // Rethrows the exception that ended the steps, if there is one.
  void rethrow() const {
    if (error_ != nullptr) std::rethrow_exception(error_);
  }

 private:
  template <class F>
  bool attempt(F f) {
    const FlushSubnormals callers(false);
    try {
      f();
    } catch (...) {
      error_ = std::current_exception();
    }
    return error_ == nullptr;
  }

  Join join_;
  Sum sum_;
  std::exception_ptr error_;
};

}  // namespace aevb
