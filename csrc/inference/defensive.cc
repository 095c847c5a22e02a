#include "inference/defensive.h"

#include <array>
#include <cmath>
#include <limits>

#include "engine/layers.h"

namespace aevb {
namespace {

enum Component : size_t { kEncoder, kPrior, kGaussian, kComponents };

// The component of each draw, in turn. The Gaussian has most draws where there is one.
constexpr Component kTurns[] = {kGaussian, kEncoder, kGaussian, kPrior, kGaussian};
constexpr Component kFirstTurns[] = {kEncoder, kPrior};

Component component(size_t draw, bool fitted) {
  return fitted ? kTurns[draw % std::size(kTurns)] : kFirstTurns[draw % std::size(kFirstTurns)];
}

// The logarithm of each component's share of the first n draws.
std::array<double, kComponents> log_shares(size_t n, bool fitted) {
  std::array<double, kComponents> shares = {};
  for (size_t l = 0; l < n; ++l) shares[component(l, fitted)] += 1.0 / static_cast<double>(n);
  for (double& share : shares) share = std::log(share);
  return shares;
}

// log(sum of exp(logs)). What is not a number is the logarithm of 0: the density of a component at
// a z where it has none.
double log_sum(const std::array<double, kComponents>& logs) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const double value : logs) largest = value > largest ? value : largest;
  double sum = 0.0;
  for (const double value : logs) sum += std::isnan(value) ? 0.0 : std::exp(value - largest);
  return largest + std::log(sum);
}

}  // namespace

DefensiveProposals::DefensiveProposals(const Model& model, size_t rows, size_t draws, bool fits)
    : fits_(rows, GaussianProposal(fits ? model.config().n_latent : 0)),
      prior_(rows * draws, model.config().n_latent),
      normal_(fits ? rows * draws : 0, model.config().n_latent),
      mean_(rows, model.config().n_latent),
      deviation_(rows, model.config().n_latent) {}

void DefensiveProposals::sample(const Pass& pass, Range rows, const Draws& draws) {
  Workspace& ws = pass.ws;
  const size_t n_draws = ws.n_draws;
  const auto noise = [&](Purpose purpose, MatView out) {
    return noise_rows(pass.noise.seed, stream(purpose, pass.noise.step), ws.ids.data() + rows.begin,
                      rows.size(), n_draws, out.block(rows.begin * n_draws, rows.size() * n_draws));
  };
  pass.prior.draw(noise(Purpose::predicted_prior, prior_.view()));
  if (draws.fitted) pass.k.normal(noise(Purpose::predicted_latent, normal_.view()));
  const MatView z = ws.z();
  for (size_t i = rows.begin * n_draws; i < rows.end * n_draws; ++i) {
    const Component from = component(draws.first + i % n_draws, draws.fitted);
    if (from == kPrior) std::memcpy(z.row(i), prior_.view().row(i), z.cols * sizeof(float));
    if (from == kGaussian) fits_[i / n_draws].draw(pass.prior, normal_.view().row(i), z.row(i));
  }
}

void DefensiveProposals::draw(const Pass& pass, Range rows, const Draws& draws) {
  if (rows.empty()) return;
  sample(pass, rows, draws);
  pass.posterior.log_density(latent_rows(pass, rows));
  const std::array<double, kComponents> shares = log_shares(draws.n, draws.fitted);
  Workspace& ws = pass.ws;
  const MatView z = ws.z();
  for (size_t i = rows.begin * ws.n_draws; i < rows.end * ws.n_draws; ++i) {
    const double log_p = pass.prior.log_density(z.row(i), z.cols);
    std::array<double, kComponents> logs = shares;
    logs[kEncoder] += static_cast<double>(ws.draw_term[i]);
    logs[kPrior] += log_p;
    if (draws.fitted) logs[kGaussian] += fits_[i / ws.n_draws].log_density(z.row(i));
    ws.draw_term[i] = static_cast<float>(log_p - log_sum(logs));
  }
}

void DefensiveProposals::fit(const Pass& pass, Range rows) {
  encode_moments(pass, rows, mean_.view(), deviation_.view());
  for (size_t r = rows.begin; r < rows.end; ++r)
    fits_[r].fit(mean_.view().row(r), deviation_.view().row(r));
}

}  // namespace aevb
