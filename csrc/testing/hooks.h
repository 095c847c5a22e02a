// Declarations that the files of this folder share.
#pragma once

#include <limits>

#include "bind/arrays.h"
#include "bind/internals.h"
#include "bind/names.h"
#include "parallel/work_stealing.h"
#include "testing/isa_functions.h"

namespace aevb::testing {

using namespace bind;

// The functions of the instruction set that aevb._core uses now.
const IsaFunctions& isa_functions();

// The state of aevb._core.
const Internals& internals();

// What a kernel may read but must not use.
inline constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();

inline Matrix poisoned(size_t rows, size_t cols) {
  Matrix m(rows, cols);
  const MatView v = m.view();
  std::fill_n(v.data, rows * v.stride, kPoison);
  return m;
}

// A copy whose padding is poisoned.
inline Matrix padded(const FloatArray& a, const char* name) {
  const ConstMatView from = as_matrix(a, name);
  Matrix m = poisoned(from.rows, from.cols);
  for (size_t r = 0; r < from.rows; ++r)
    std::memcpy(m.view().row(r), from.row(r), from.cols * sizeof(float));
  return m;
}

// Each file adds its functions to the module.
void bind_kernels(py::module_& m);
void bind_latent(py::module_& m);
void bind_chains(py::module_& m);
void bind_teams(py::module_& m);

}  // namespace aevb::testing
