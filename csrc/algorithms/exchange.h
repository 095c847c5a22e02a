// What the processes of a team tell each other after a step.
#pragma once

#include "model/parameters.h"
#include "parallel/team.h"

namespace aevb {

// One process has nobody to tell.
class Exchange {
 public:
  // Called by every thread when the step's update is whole.
  void after_step(Parameters&, Member&) {}
};

}  // namespace aevb
