#include "model/config.h"

#include <algorithm>
#include <cmath>

namespace aevb {
namespace {

constexpr size_t kMostDraws = (size_t{1} << 31) - 1;
constexpr size_t kAllRows = size_t{1} << 62;

}  // namespace

size_t Config::n_visible() const {
  size_t n = 0;
  for (const ColumnBlock& block : columns) n += block.n_columns;
  return n;
}

Support Config::support() const {
  if (binarize == Binarize::dynamic) return Support::unit_interval;
  if (binarize == Binarize::threshold) return Support::real;
  const auto own = [](const ColumnBlock& block) {
    return kernels().likelihoods[block.likelihood].info.support;
  };
  const auto differs = [&](const ColumnBlock& block) { return own(block) != own(columns[0]); };
  return std::any_of(columns.begin(), columns.end(), differs) ? Support::real : own(columns[0]);
}

void Config::validate() const {
  const auto at_least_one = [](size_t value, const char* name) {
    check(value >= 1, std::string(name) + ": got 0, want at least 1");
  };
  at_least_one(columns.size(), "n_visible");
  for (const ColumnBlock& block : columns) {
    at_least_one(block.n_columns, columns.size() == 1 ? "n_visible" : "likelihood");
    checked_product(block.n_columns, kMostOutputs * columns.size());
    check(block.likelihood < kernels().likelihoods.size, "likelihood: not in the list");
    const auto same = [&](const ColumnBlock& other) {
      return other.likelihood == block.likelihood;
    };
    check(std::count_if(columns.begin(), columns.end(), same) == 1,
          std::string("likelihood: got '") + kernels().likelihoods[block.likelihood].info.name +
              "' twice, want all columns of a likelihood together");
  }
  check(objective < kernels().objectives.size, "bound_estimator: not in the list");
  check(optimizer < kernels().optimizers.size, "optimizer: not in the list");
  at_least_one(n_latent, "n_components");
  at_least_one(n_draws, "n_draws");
  at_least_one(batch_size, "batch_size");
  // Products with these counts cannot overflow. 2^62 stands for a batch of all rows.
  check(n_draws <= kMostDraws,
        "n_draws: got " + std::to_string(n_draws) + ", want at most 2^31 - 1");
  check(batch_size <= kAllRows,
        "batch_size: got " + std::to_string(batch_size) + ", want at most 2^62");
  for (const size_t width : hidden) at_least_one(width, "hidden_layer_sizes");
  check(!hidden.empty(), "hidden_layer_sizes: got none, want at least one layer");
  check(std::isfinite(learning_rate) && learning_rate > 0,
        "learning_rate: want a positive finite number");
  check(std::isfinite(weight_decay) && weight_decay >= 0,
        "weight_decay: want a finite number >= 0");
  check(std::isfinite(init_scale) && init_scale >= 0, "init_scale: want a finite number >= 0");
}

}  // namespace aevb
