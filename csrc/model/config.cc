#include "model/config.h"

#include <algorithm>
#include <cmath>
#include <string_view>

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

size_t Config::n_variables() const {
  size_t n = 0;
  for (const ColumnBlock& block : columns) n += block.n_variables();
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

bool Config::has_closed_kl() const {
  const PosteriorInfo& q = kernels().posteriors[posterior].info;
  return q.has_kl && std::string_view(q.prior) == kernels().priors[prior].info.name;
}

bool Config::has_fused_latent() const {
  return posterior == 0 && prior == 0 && objective < kernels().n_fused_objectives &&
         free_bits == 0.0f;
}

void Config::validate_latent() const {
  const Kernels& k = kernels();
  check(posterior < k.posteriors.size, "posterior: not in the list");
  check(prior < k.priors.size, "prior: not in the list");
  check(objective < k.objectives.size, "bound_estimator: not in the list");
  const PosteriorInfo& q = k.posteriors[posterior].info;
  const PriorInfo& p = k.priors[prior].info;
  if (algorithm != Algorithm::monte_carlo_em && q.support != p.support) {
    std::string fitting;
    for (const PriorKernels& other : k.priors) {
      if (other.info.support == q.support)
        fitting += (fitting.empty() ? "'" : ", '") + std::string(other.info.name) + "'";
    }
    throw std::invalid_argument(std::string("prior: got '") + p.name +
                                "', want one with the support of the posterior '" + q.name +
                                "': " + fitting);
  }
  if (!q.has_score) {
    const std::string jumps = std::string("posterior: got '") + q.name +
                              "', whose density jumps at ends that depend on x; want another for ";
    check(algorithm != Algorithm::wake_sleep, jumps + "WakeSleep");
    check(!k.objectives[objective].needs_score,
          jumps + "bound_estimator '" + k.objectives[objective].name + "'");
  }
  check(!q.last_is_factor || n_latent <= kMostFactored, [&] {
    return "n_components: got " + std::to_string(n_latent) + ", want at most " +
           std::to_string(kMostFactored) + " with the posterior '" + q.name + "'";
  });
  check(std::isfinite(renyi_order) && renyi_order >= 0.0 && renyi_order != 1.0, [&] {
    return "renyi_order: got " + std::to_string(renyi_order) +
           ", want a finite number >= 0 that is not 1; for order 1 take bound_estimator "
           "'monte-carlo'";
  });
  check(std::isfinite(kl_weight) && kl_weight >= 0.0f, "kl_weight: want a finite number >= 0");
  check(std::isfinite(free_bits) && free_bits >= 0.0f, "free_bits: want a finite number >= 0");
  const bool may_be_free = k.objectives[objective].analytic && has_closed_kl() && q.is_factorized;
  check(free_bits == 0.0f || may_be_free, [&] {
    return "free_bits: got " + std::to_string(free_bits) + ", want 0 for bound_estimator '" +
           k.objectives[objective].name + "', posterior '" + q.name + "' and prior '" + p.name +
           "': it needs 'analytic-kl' and a KL divergence in closed form for each unit";
  });
}

void Config::validate_columns() const {
  for (const ColumnBlock& block : columns) {
    check(block.n_columns >= 1, std::string(columns.size() == 1 ? "n_visible" : "likelihood") +
                                    ": got 0, want at least 1");
    checked_product(block.n_columns, kMostOutputs * columns.size());
    check(block.likelihood < kernels().likelihoods.size, "likelihood: not in the list");
    const LikelihoodInfo& info = kernels().likelihoods[block.likelihood].info;
    const auto same = [&](const ColumnBlock& other) {
      return other.likelihood == block.likelihood;
    };
    check(std::count_if(columns.begin(), columns.end(), same) == 1,
          std::string("likelihood: got '") + info.name +
              "' twice, want all columns of a likelihood together");
    check(info.has_levels() == !block.levels.empty(),
          std::string("likelihood: '") + info.name +
              (info.has_levels() ? "' wants the number of levels of each variable"
                                 : "' has no levels, want a number of columns"));
    const uint32_t least = info.widths[info.n_outputs - 1] == Width::cuts ? 2 : 1;
    check(std::all_of(block.levels.begin(), block.levels.end(),
                      [least](uint32_t n) { return n >= least; }),
          std::string("likelihood: '") + info.name + "' wants at least " + std::to_string(least) +
              " levels for each variable");
  }
  const auto has_levels = [](const ColumnBlock& block) { return !block.levels.empty(); };
  check(binarize == Binarize::none || std::none_of(columns.begin(), columns.end(), has_levels),
        "binarize: want none for variables with levels");
  const auto is_joint = [](const ColumnBlock& block) {
    return kernels().likelihoods[block.likelihood].info.is_joint;
  };
  const auto joint = std::find_if(columns.begin(), columns.end(), is_joint);
  check(algorithm != Algorithm::wake_sleep || joint == columns.end(),
        std::string("likelihood: the algorithm 'wake-sleep' draws x, and '") +
            (joint == columns.end() ? "" : kernels().likelihoods[joint->likelihood].info.name) +
            "' has no draw without a total");
}

void Config::validate() const {
  const auto at_least_one = [](size_t value, const char* name) {
    check(value >= 1, std::string(name) + ": got 0, want at least 1");
  };
  at_least_one(columns.size(), "n_visible");
  validate_columns();
  validate_latent();
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
  check(!mask_inputs || algorithm != Algorithm::monte_carlo_em,
        "mask_inputs: got true, want false for an algorithm without an encoder");
  if (weight_posterior != WeightPosterior::none) {
    check(algorithm == Algorithm::aevb, "weight_posterior: only the algorithm 'aevb' has one");
    check(weight_decay > 0,
          "weight_decay: got 0, want a positive number with a weight_posterior, whose prior is "
          "N(0, 1 / weight_decay)");
  }
  check(std::isfinite(init_scale) && init_scale >= 0, "init_scale: want a finite number >= 0");
}

}  // namespace aevb
