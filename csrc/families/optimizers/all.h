// The list of optimizers.
#pragma once

#include "families/optimizers/accumulate.h"
#include "families/optimizers/adagrad.h"
#include "families/optimizers/adam.h"
#include "families/optimizers/sgd.h"

namespace aevb::AEVB_ISA {
namespace {

using Optimizers = List<  //
    Accumulate,           //
    Adagrad,              //
    Adam,                 //
    Sgd>;

}  // namespace
}  // namespace aevb::AEVB_ISA
