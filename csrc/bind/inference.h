// The methods of a model that read it.
#pragma once

#include "bind/checks.h"

namespace aevb::bind {

void def_inference(py::class_<BoundModel>& model);

}  // namespace aevb::bind
