// The choice of the kernel table, and the tables that this machine could use.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace aevb {

// The Fortran sgemm of SciPy's BLAS, which bind/blas.pyx hands over.
using Sgemm = void (*)(char* transa, char* transb, int* m, int* n, int* k, float* alpha, float* a,
                       int* lda, float* b, int* ldb, float* beta, float* c, int* ldc);
void set_sgemm(Sgemm sgemm);

std::vector<std::string> isa_names();     // narrowest first
void force_isa(const std::string& name);  // throws std::invalid_argument if the machine lacks it

}  // namespace aevb
