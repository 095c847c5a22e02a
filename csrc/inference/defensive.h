// Proposals for p(z | x_observed) of the rows of a block: mixtures that miss no part of it.
#pragma once

#include <vector>

#include "engine/pass.h"
#include "inference/proposal.h"

namespace aevb {

// Draws of z from a mixture of the encoder's q(z|x), the prior, and, once fitted, a Gaussian. Each
// has a fixed share of the draws, so the weights have the density of the mixture (Veach, Guibas
// 1995, "Optimally combining sampling techniques for Monte Carlo rendering", the balance heuristic;
// Hesterberg 1995, "Weighted average importance sampling and defensive mixture distributions").
// q(z|x) may be narrower than p(z|x), or miss a mode. Then few draws would have all the weight.
class DefensiveProposals {
 public:
  // The draws [first, first + n_draws of the pass) of n in all. With `fitted`, also from the
  // Gaussians.
  struct Draws {
    size_t first, n;
    bool fitted;
  };

  // For blocks of up to `rows` rows, `draws` draws together. With `fits`, Gaussians are fitted: z
  // is then on the real line.
  DefensiveProposals(const Model& model, size_t rows, size_t draws, bool fits);

  // After encode_and_sample: z of these rows, and log p(z) - log density of the mixture in
  // ws.draw_term.
  void draw(const Pass& pass, Range rows, const Draws& draws);
  // Adds a weighted draw to the fit of a row.
  void add(size_t row, double log_weight, const float* z) { fits_[row].add(log_weight, z); }
  // Fits the Gaussians of these rows to the draws that were added.
  void fit(const Pass& pass, Range rows);

 private:
  void sample(const Pass& pass, Range rows, const Draws& draws);

  std::vector<GaussianProposal> fits_;  // of each row
  Matrix prior_, normal_;               // (rows * draws, J): draws of the prior, and normal noise
  Matrix mean_, deviation_;             // (rows, J): of q(z|x)
};

}  // namespace aevb
