// Declarations that the files of this folder share.
#pragma once

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

// Each file adds its functions to the module.
void bind_kernels(py::module_& m);
void bind_chains(py::module_& m);
void bind_teams(py::module_& m);

}  // namespace aevb::testing
