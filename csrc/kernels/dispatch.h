// Which kernel table is in use, and which this machine could use.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace aevb {

// The Fortran sgemm of whatever BLAS SciPy was built with (bind/blas.pyx hands it over).
using Sgemm = void (*)(char* transa, char* transb, int* m, int* n, int* k, float* alpha, float* a,
                       int* lda, float* b, int* ldb, float* beta, float* c, int* ldc);
void set_sgemm(Sgemm sgemm);

std::vector<std::string> isa_names();     // narrowest first
void force_isa(const std::string& name);  // throws std::invalid_argument if the machine lacks it

}  // namespace aevb
