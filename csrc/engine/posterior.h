// q(z|x) for code that is compiled once. The kernels use the other type of the same name in
// families/posteriors/.
#pragma once

#include "families/posteriors/all.h"

namespace aevb {

// The approximate posterior of every model.
using Posterior = GaussianPosterior;

}  // namespace aevb
