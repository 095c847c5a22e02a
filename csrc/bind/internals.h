// State that aevb._testing, another module, shares with aevb._core.
#pragma once

#include "kernels/kernels.h"
#include "parallel/team.h"

namespace aevb::bind {

struct Internals {
  const Kernels& (*kernels)();
  TeamProbe* team_probe;
  std::atomic<double>* flops_per_thread;
};

}  // namespace aevb::bind
