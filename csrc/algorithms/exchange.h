// The exchange of data between processes after a step.
#pragma once

#include "model/parameters.h"
#include "parallel/team.h"

namespace aevb {

// The exchange of a single process: none.
class Exchange {
 public:
  // Every thread calls it when the step's update is complete.
  void after_step(Parameters&, Member&) {}
};

}  // namespace aevb
