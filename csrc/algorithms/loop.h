// The training loop of the algorithms that train encoder and decoder.
#pragma once

#include "algorithms/slice.h"
#include "model/model.h"
#include "nn/table.h"
#include "parallel/cancellation.h"

namespace aevb {

// Trains for one slice. A cancelled call returns after the last completed step.
Progress train(Model& model, const Table& table, const EpochSlice& slice,
               Cancellation& cancellation);

}  // namespace aevb
