// Monte Carlo EM (appendix E of the paper). There is no encoder: HMC draws z from p(z|x). Each data
// row has one chain, which goes on from epoch to epoch. Chains move in z's coordinates, which are z
// on the real line (posterior/coordinates.h). Updates of the weights then increase log
// p(x, z) at these draws.
#pragma once

#include "algorithms/slice.h"
#include "engine/pass.h"
#include "mcmc/step_size.h"
#include "parallel/cancellation.h"

namespace aevb {

struct EmOptions {
  size_t n_leapfrog = 10;
  double target_accept = 0.9;
  size_t n_updates = 5;  // of the weights, after each move of the chains
};

// The chains of one data set.
class MonteCarloEm {
 public:
  // The chains start at z (n_rows, J).
  MonteCarloEm(const Model& model, ConstMatView z, const EmOptions& options);

  // Trains for one slice. A step is one move of a minibatch's chains, followed by n_updates
  // updates. log p(x, z) after the move replaces the bound. A cancelled step leaves chains and
  // weights as they were before it.
  Progress train(Model& model, const Table& table, const EpochSlice& slice,
                 Cancellation& cancellation);

  MatView z() { return z_.view(); }
  const StepSize& step_size() const { return step_size_; }
  StepSize& step_size() { return step_size_; }
  // Whether the chains belong to a model of this shape.
  bool fits(const Model& model) {
    return model.config().n_latent == z_.view().cols &&
           model.network().arena_size == gradient_.size();
  }
  double acceptance() const { return acceptance_; }  // mean of the last move

 private:
  struct Batch;
  struct Work;
  bool expect(const Model& model, const Table& table, const Batch& batch, Work& work,
              Cancellation& cancellation);
  bool maximize(Model& model, const Table& table, const Batch& batch, const StepSettings& settings,
                size_t n_train, Work& work, Cancellation& cancellation);
  void commit(const Batch& batch);

  EmOptions options_;
  StepSize step_size_;
  Matrix z_;                // (n_rows, J)
  Matrix moved_;            // the minibatch's chains after the move
  Buffer<float> gradient_;  // an arena in the weights' layout
  std::vector<double> log_joint_, accepted_;
  double acceptance_ = 0.0;
};

}  // namespace aevb
