// Monte Carlo EM (appendix E of the paper): no encoder; draws of p(z|x) by HMC, one chain for each
// row of the data that goes on from visit to visit, and weight updates up log p(x, z) on them.
#pragma once

#include "mcmc/step_size.h"
#include "vae/training.h"
#include "watch.h"

namespace aevb {

struct EmOptions {
  size_t n_leapfrog = 10;
  double target_accept = 0.9;
  size_t n_updates = 5;  // of the weights, after each move of the chains
};

// The chains of one data set, and what an unfinished step has come to.
class MonteCarloEm {
 public:
  // Chains start at z (n_rows, J).
  MonteCarloEm(const Model& model, ConstMatView z, const EmOptions& options);

  // A step is one move of a minibatch's chains and the updates that follow; the bound in its place
  // is log p(x, z) after the move. What the watch stopped goes on from there in the next call, to
  // the same bits.
  Progress train(Model& model, const Rows& rows, const EpochPart& part, Watch& watch);

  MatView z() { return z_.view(); }
  const StepSize& step_size() const { return step_size_; }
  StepSize& step_size() { return step_size_; }
  // Whether an interrupt has left a step begun: its chains have moved, its updates are not all
  // done.
  bool in_midst() const { return n_moved_ > 0; }
  // Whether the chains are of a model of this shape.
  bool fits(const Model& model) {
    return model.config().n_latent == z_.view().cols &&
           model.network().arena_size == gradient_.size();
  }
  double acceptance() const { return acceptance_; }  // mean of the last move

 private:
  struct Batch;
  struct Work;
  void expect(const Rows& rows, const Batch& batch, Work& work, Watch& watch);
  void maximize(Model& model, const Rows& rows, const Batch& batch, size_t n_train, Work& work,
                Watch& watch);

  EmOptions options_;
  StepSize step_size_;
  Matrix z_;                // (n_rows, J)
  Matrix moved_;            // those of the minibatch after the move
  Buffer<float> gradient_;  // an arena laid out as the weights
  std::vector<double> log_joint_, accepted_;
  double acceptance_ = 0.0;
  uint64_t moved_step_ = 0;    // the step that is unfinished,
  size_t n_moved_ = 0;         // its chains, if they have moved,
  size_t n_updates_done_ = 0;  // and its updates
};

}  // namespace aevb
