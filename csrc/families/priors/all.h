// The list of priors p(z), for the kernels (AEVB_ISA is defined) and for code that is compiled
// once.
#pragma once

#include "families/priors/standard_normal.h"

#ifdef AEVB_ISA
namespace aevb::AEVB_ISA {
namespace {
using Priors = List<StandardNormal>;
}  // namespace
}  // namespace aevb::AEVB_ISA
#else
namespace aevb {
using Priors = List<StandardNormal>;
}  // namespace aevb
#endif
