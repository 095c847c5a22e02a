// The list of priors p(z): the kernels', where AEVB_ISA is defined. Code that is compiled once
// names its member (engine/prior.h).
#pragma once

#include "families/priors/standard_normal.h"

#ifdef AEVB_ISA
namespace aevb::AEVB_ISA {
namespace {
using Priors = List<StandardNormal>;
}  // namespace
}  // namespace aevb::AEVB_ISA
#endif
