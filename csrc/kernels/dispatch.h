// Which backend is in use, and which this machine could use.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace aevb {

// The Fortran sgemm of SciPy's BLAS, which bind/blas.pyx hands over.
using Sgemm = void (*)(char* transa, char* transb, int* m, int* n, int* k, float* alpha, float* a,
                       int* lda, float* b, int* ldb, float* beta, float* c, int* ldc);
void set_sgemm(Sgemm sgemm);

// The instruction set, and "+" the arithmetic if that is not float32: "avx2", "portable+blas".
std::string backend_name(const Kernels& table);
std::vector<std::string> backend_names();   // in order of preference, best last
void use_backend(const std::string& name);  // throws std::invalid_argument if the machine lacks it

}  // namespace aevb
