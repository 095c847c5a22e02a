// What aevb._testing, a module of its own, shares with this one.
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
