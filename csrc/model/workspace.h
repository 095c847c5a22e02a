// Every matrix that one pass over a minibatch (or a block of rows) reads or writes, allocated once.
#pragma once

#include <atomic>

#include "model/model.h"
#include "nn/random.h"
#include "nn/rows.h"

namespace aevb {

// W^T of a model's layers after z, shared by several passes with the same weights.
class TransposedDecoder {
 public:
  explicit TransposedDecoder(const Model& model);
  void make(const Kernels& k, const float* weights);
  // W^T of one of the network's layers and one panel of its inputs.
  const float* panel(size_t layer, size_t panel) const {
    return layers_[layer - first_].panel(panel);
  }

 private:
  size_t first_;
  std::vector<Transposed> layers_;
};

struct Workspace {
  // For up to `rows` data rows of `draws` draws each, on up to `threads` threads. Deltas exist only
  // if `gradients` is true. With `holes` values of x may be missing.
  Workspace(const Model& model, size_t rows, size_t draws, bool gradients, int threads,
            bool holes = false);

  size_t n_draws;
  bool holes;

  std::vector<int64_t> index;              // rows of the data set in this pass
  std::vector<uint64_t> ids;               // their noise ids
  Nonzeros nonzeros;                       // of x
  bool rows_listed = false;                // the rows of `nonzeros` are found: x is not full
  std::atomic<bool> out_of_range = false;  // guarded data had a value out of range
  Matrix x[2];                             // (rows, D): one is filled while the other is in use
  Matrix inputs[2];                        // what the encoder reads; empty: x
  std::vector<double> log_jacobian;        // (rows,): of what is observed; empty: of all columns
  std::vector<Matrix> activations;         // those of the network, without x
  // The deltas: gradients of layers' outputs before the activation function, and of z. The deltas
  // of output layers replace the outputs.
  std::vector<Matrix> deltas;
  Matrix eps;                    // (rows * draws, n_noise J): the noise of z
  std::vector<float> partial;    // (rows * draws, panels) of r = log p(x|z)
  std::vector<float> term;       // (rows,): the bound without the mean of r over the draws
  std::vector<float> draw_term;  // (rows * draws,): log p(z) - log q(z|x)
  std::vector<float> f;          // (rows * draws,): r + kl_weight * draw_term
  // Of an objective without a kernel of its own, (rows * draws,) each.
  std::vector<DrawWeights> draws;
  std::vector<double> log_w, scaled;
  Matrix kl;                     // (rows, J): of each component, if there are free bits
  std::vector<float> kl_weight;  // (J,): of each component, if there are free bits
  std::vector<double> bound;     // (rows,)
  std::vector<double> variance;  // (rows,): of the bound over the noise; NaN for one draw
  const TransposedDecoder* transposed = nullptr;  // of the pass's weights; null: not kept

  MatView z() { return activations[z_].view(); }
  MatView dz() { return deltas[z_].view(); }
  // The outputs of the encoder, side by side, and their gradients.
  MatView heads() { return activations[heads_].view(); }
  MatView dheads() { return deltas[heads_].view(); }

  bool gradients() const { return !deltas.empty(); }
  float* scratch(unsigned rank) { return scratch_.data() + rank * kTransposeScratch; }
  // A thread's cursors: one for each layer that reads the same activation.
  PrefetchCursor* cursors(unsigned rank) { return cursors_.data() + rank * n_cursors_; }

 private:
  size_t heads_, z_, n_cursors_;
  Buffer<float> scratch_;
  Buffer<PrefetchCursor> cursors_;
};

}  // namespace aevb
