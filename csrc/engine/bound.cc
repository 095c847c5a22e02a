// The bound of each row, and the weights of its draws in the gradient.
#include <cmath>

#include "engine/layers.h"

namespace aevb {
namespace {

// The kl_weight of each component for free bits (Kingma, Salimans, Jozefowicz, Chen, Sutskever,
// Welling 2016, section C.8): 0 where the minibatch's mean KL divergence is below them.
void free_components(const Pass& pass, Range components) {
  const MatView kl = pass.ws.kl.view(pass.rows);
  const double free = static_cast<double>(pass.model.config().free_bits);
  for (size_t j = components.begin; j < components.end; ++j) {
    double sum = 0.0;
    for (size_t m = 0; m < pass.rows; ++m) sum += static_cast<double>(kl.row(m)[j]);
    pass.ws.kl_weight[j] =
        sum < free * static_cast<double>(pass.rows) ? 0.0f : pass.settings.kl_weight;
  }
}

// The sum of f over the draws of all rows, in their order.
double sum_of_draws(const Pass& pass) {
  double sum = 0.0;
  for (size_t l = 0; l < pass.drawn(); ++l) sum += static_cast<double>(pass.ws.f[l]);
  return sum;
}

// The draws of row m, with log p(x|z) + kl_weight [log p(z) - log q(z|x)] of each.
RowDraws row_draws(const Pass& pass, size_t m, float kl_weight) {
  Workspace& ws = pass.ws;
  const size_t first = m * ws.n_draws;
  for (size_t l = first; l < first + ws.n_draws; ++l) {
    ws.log_w[l] = log_likelihood(pass, l) +
                  static_cast<double>(kl_weight) * static_cast<double>(ws.draw_term[l]);
  }
  return {.n = ws.n_draws,
          .log_w = ws.log_w.data() + first,
          .baseline = 0.0,
          .kl_weight = kl_weight,
          .closed_kl = pass.closed_kl,
          .order = pass.model.config().renyi_order,
          .scaled = ws.scaled.data() + first,
          .draws = ws.draws.data() + first};
}

// The bound of a row whose draws the objective reweights, and its variance by the delta method.
void reweighted_bound(const Pass& pass, size_t m) {
  const RowDraws row = row_draws(pass, m, 1.0f);
  pass.ws.bound[m] = pass.objective.weigh(row) + pass.log_jacobian(m);
  double squares = 0.0;
  for (size_t l = 0; l < row.n; ++l)
    squares += static_cast<double>(row.draws[l].term) * static_cast<double>(row.draws[l].term);
  const auto n = static_cast<double>(row.n);
  const double power = pass.objective.has_order ? 1.0 - row.order : 1.0;
  pass.ws.variance[m] = std::max(0.0, n * squares - 1.0) / (n - 1.0) / (power * power);
}

// Multiplies the gradients in the place of some rows' outputs by the draws' weights.
void reweigh_outputs(const Pass& pass, Range draws) {
  for (size_t i = pass.network.outputs.begin; i < pass.network.outputs.end; ++i) {
    const MatView delta = pass.delta(pass.network.layers[i].output);
    for (size_t l = draws.begin; l < draws.end; ++l) {
      float* row = delta.row(l);
      for (size_t c = 0; c < delta.cols; ++c) row[c] *= pass.ws.draws[l].term;
    }
  }
}

}  // namespace

void sum_bound(const Pass& pass, const Member& member) {
  Workspace& ws = pass.ws;
  const Range rows = share_rows(member, pass.rows);
  const auto draws = static_cast<double>(ws.n_draws);
  const auto kl_weight = static_cast<double>(pass.settings.kl_weight);
  for (size_t m = rows.begin; m < rows.end; ++m) {
    double sum = 0.0, mean = 0.0, squares = 0.0;  // Welford's, of what varies between draws
    for (size_t l = m * ws.n_draws; l < (m + 1) * ws.n_draws; ++l) {
      const double r = log_likelihood(pass, l);
      ws.f[l] = static_cast<float>(r + kl_weight * ws.draw_term[l]);
      sum += r;
      const double value = pass.closed_kl ? r : r + ws.draw_term[l];
      const double delta = value - mean;
      mean += delta / static_cast<double>(l - m * ws.n_draws + 1);
      squares += delta * (value - mean);
    }
    ws.bound[m] = sum / draws + ws.term[m] + pass.log_jacobian(m);
    ws.variance[m] = squares / (draws - 1.0) / draws;
    if (pass.objective.reweights) reweighted_bound(pass, m);
  }
}

void weigh_draws(const Pass& pass, Member& member) {
  if (pass.fused_latent) return;
  Workspace& ws = pass.ws;
  const Config& config = pass.model.config();
  const Range rows = share_rows(member, pass.rows);
  if (config.free_bits > 0.0f) {
    if (!rows.empty()) pass.posterior.kl(latent_rows(pass, rows), ws.kl.view().row(rows.begin));
    member.barrier();
    free_components(pass, member.share(config.n_latent));
  }
  double total = 0.0;
  if (pass.objective.has_baseline) {
    member.barrier();
    total = sum_of_draws(pass);
  }
  const auto n_others = static_cast<double>((pass.rows - 1) * ws.n_draws);
  for (size_t m = rows.begin; m < rows.end; ++m) {
    RowDraws row = row_draws(pass, m, pass.settings.kl_weight);
    double own = 0.0;
    for (size_t l = 0; l < ws.n_draws; ++l) own += static_cast<double>(ws.f[m * ws.n_draws + l]);
    row.baseline = n_others > 0.0 ? (total - own) / n_others : 0.0;
    pass.objective.weigh(row);
  }
  if (pass.objective.reweights) reweigh_outputs(pass, draws_of(pass, rows));
  member.barrier();
}

}  // namespace aevb
