// The kernel table whose matrix products come from SciPy's BLAS: for machines without tuned
// kernels.
#pragma once

#include "kernels/dispatch.h"

namespace aevb {

// A copy of `base` whose products are calls of sgemm.
const Kernels& blas_table(const Kernels& base, Sgemm sgemm);

}  // namespace aevb
