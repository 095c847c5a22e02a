// Passes over many rows, block by block.
#pragma once

#include "engine/pass.h"
#include "engine/subset.h"
#include "parallel/cancellation.h"

namespace aevb {

// Rows per block of a forward pass: enough to keep every thread's tiles long, few enough for the
// activations to stay in the cache.
inline size_t block_rows(const Model& model, size_t n_draws, size_t n,
                         size_t bytes = size_t{8} << 20) {
  constexpr size_t kMost = 1000;
  size_t floats = model.config().n_visible();
  for (const size_t width : model.config().hidden) floats += width * (1 + n_draws);
  for (size_t i = model.network().outputs.begin; i < model.network().outputs.end; ++i)
    floats += model.network().layers[i].layer.n_out * n_draws;
  size_t fit = std::max<size_t>(1, bytes / sizeof(float) / floats);
  if (fit > kRowBlock) fit = round_up(fit, kRowBlock);
  return std::min({n, fit, kMost});
}

inline int team_size(const Model& model, size_t rows, size_t n_draws, int n_threads) {
  return useful_threads(n_threads,
                        flops_per_row(model.network(), n_draws, false) * static_cast<double>(rows));
}

// Calls f(first, n) for blocks of rows in order, on every thread, until f returns false.
template <class F>
void for_row_blocks(size_t n, size_t block, F f) {
  for (size_t first = 0; first < n; first += block) {
    if (!f(first, std::min(block, n - first))) return;
  }
}

// The same for an f with a barrier inside; also ends after a cancellation.
template <class F>
void for_row_blocks(size_t n, size_t block, Cancellation& cancellation, const Member& member, F f) {
  for_row_blocks(n, block, [&](size_t first, size_t some) {
    cancellation.begin_step(first, member);
    return f(first, some) && !cancellation.ends_after(first);
  });
}

inline void check_range(const Workspace& ws, const Table& table) {
  if (ws.out_of_range)
    throw OutOfRange("X: has values that are not in [" + std::to_string(table.x.low) + ", " +
                     std::to_string(table.x.high) + "]");
}

}  // namespace aevb
