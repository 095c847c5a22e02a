// The table that takes its matrix products from SciPy's BLAS: for machines the core has no tuned
// kernels for.
#pragma once

#include "kernels/dispatch.h"

namespace aevb {

// `base` with its products replaced by calls of sgemm.
const Kernels& blas_table(const Kernels& base, Sgemm sgemm);

}  // namespace aevb
