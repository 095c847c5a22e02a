// Checks that calls with a model and data share.
#pragma once

#include "algorithms/slice.h"
#include "bind/access.h"
#include "bind/arrays.h"

namespace aevb::bind {

// A model that several Python threads may use.
struct BoundModel : Model {
  using Model::Model;
  Access access;
};

inline void check_threads(int n_threads) {
  check(n_threads >= 1, "n_threads: got " + std::to_string(n_threads) + ", want at least 1");
}

inline void check_rows(const Model& model, const BoundTable& x) {
  check(x.table.x.n_cols == model.config().n_variables(),
        "X: got " + std::to_string(x.table.x.n_cols) + " columns, want " +
            std::to_string(model.config().n_variables()));
}

inline Subset subset_of(const BoundTable& x, size_t begin, size_t size, bool split) {
  check(begin <= x.table.n_rows() && size <= x.table.n_rows() - begin,
        "subset: has rows that X does not have");
  return {begin, size, split};
}

inline void check_encoder(const Model& model) {
  check(model.network().has_encoder(), "model: has no encoder");
}

inline EpochSlice epoch_slice(const BoundTable& x, size_t begin, size_t size, bool split,
                              uint64_t epoch, size_t position, size_t max_steps, double max_seconds,
                              size_t n_train, std::vector<float> rate_factors, int n_threads) {
  check_threads(n_threads);
  check(n_train >= 1, "n_train: got 0, want at least 1");
  check(rate_factors.empty() || rate_factors.size() >= max_steps,
        "rate_factors: want one per minibatch");
  return {.subset = subset_of(x, begin, size, split),
          .epoch = epoch,
          .position = position,
          .max_steps = max_steps,
          .max_seconds = max_seconds,
          .n_train = n_train,
          .n_threads = n_threads,
          .rate_factors = std::move(rate_factors)};
}

inline py::tuple as_tuple(const Progress& progress) {
  py::dict seconds;
  for (size_t i = 0; i < std::size(kPhases); ++i) seconds[kPhases[i]] = progress.phase_seconds[i];
  return py::make_tuple(progress.n_steps, progress.n_rows, progress.bound_sum, progress.diverged,
                        seconds);
}

}  // namespace aevb::bind
