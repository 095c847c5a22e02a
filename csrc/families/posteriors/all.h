// The list of approximate posteriors q(z|x).
#pragma once

#include "families/posteriors/gaussian.h"

#ifdef AEVB_ISA
namespace aevb::AEVB_ISA {
namespace {
using Posteriors = List<GaussianPosterior>;
}  // namespace
}  // namespace aevb::AEVB_ISA
#endif
