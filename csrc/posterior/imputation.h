// Imputation of missing values of x: samples of z and x in turn, or a mode of z.
#pragma once

#include "inference/generate.h"
#include "parallel/cancellation.h"

namespace aevb {

enum class ImputeBy : uint8_t { mean, sample, mode };

inline constexpr size_t kMostStarts = 1000;  // a row keeps the end of each

struct Imputation {
  ImputeBy by = ImputeBy::mean;
  size_t n_starts = 10;
  size_t n_iterations = 200;
  uint64_t seed = 0;
};

// Writes all rows of x, with the missing values filled in -> out (n_rows, D), dense.
//
// Each row climbs log p(x_observed, z) from n_starts starts: the encoder's mean, and draws of the
// prior. The highest end goes on to the mode, or starts the row's chain. An iteration of the chain
// proposes to jump by the difference of two of the ends. It draws the missing part of x from
// p(x|z). Then it proposes z from q(z|x), and accepts it as a draw of p(z|x)
// (Metropolis-within-Gibbs: Mattei, Frellsen 2018, algorithm 1). In more than a few dimensions such
// proposals are seldom accepted. So each iteration begins with an HMC transition of
// p(z|x_observed). Its step size is tuned in the first half of the iterations. The mean is that of
// p(x|z) over the second half; a sample is the last draw. The seed and a row's position key the
// noise.
void impute(const Model& model, const Table& table, const Imputation& options, float* out,
            int n_threads, Cancellation& cancellation);

}  // namespace aevb
