// The training loop of the algorithms that train encoder and decoder.
#pragma once

#include "algorithms/exchange.h"
#include "algorithms/slice.h"
#include "model/model.h"
#include "nn/table.h"
#include "parallel/cancellation.h"

namespace aevb {

// Trains for one slice. A cancelled call returns after the last completed step.
//
// With an exchange, every step is that of the joined minibatch of all processes, which call this
// with the same arguments but for the data and the rank. It is for SGVB without a weight posterior.
// The progress counts the rows and bounds of all processes. Where one process is cancelled, all
// return after the same step.
Progress train(Model& model, const Table& table, const EpochSlice& slice,
               Cancellation& cancellation, Exchange* exchange = nullptr);

}  // namespace aevb
