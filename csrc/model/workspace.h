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
  // if `gradients` is true.
  Workspace(const Model& model, size_t rows, size_t draws, bool gradients, int threads);

  size_t n_draws;

  std::vector<int64_t> index;              // rows of the data set in this pass
  std::vector<uint64_t> ids;               // their noise ids
  Nonzeros nonzeros;                       // of x
  bool rows_listed = false;                // the rows of `nonzeros` are found: x is not full
  std::atomic<bool> out_of_range = false;  // guarded data had a value out of range
  Matrix x[2];                             // (rows, D): one is filled while the other is in use
  std::vector<Matrix> activations;         // those of the network, without x
  // The deltas: gradients of layers' outputs before the activation function, and of z. The deltas
  // of output layers replace the outputs.
  std::vector<Matrix> deltas;
  Matrix eps;                    // (rows * draws, J)
  std::vector<float> partial;    // (rows * draws, panels) of r = log p(x|z)
  std::vector<float> term;       // (rows,): the bound without the mean of r over the draws
  std::vector<float> draw_term;  // (rows * draws,)
  std::vector<float> f;          // (rows * draws,): r + draw_term
  std::vector<double> bound;     // (rows,)
  std::vector<double> variance;  // (rows,): of the bound over the noise; NaN for one draw
  const TransposedDecoder* transposed = nullptr;  // of the pass's weights; null: not kept

  MatView z() { return activations[z_].view(); }
  MatView dz() { return deltas[z_].view(); }
  // Output i of the encoder, (rows, J), and its gradient.
  MatView head(size_t i) { return share(activations[heads_], i); }
  MatView dhead(size_t i) { return share(deltas[heads_], i); }
  MatView mean() { return head(0); }
  MatView log_var() { return head(1); }

  bool gradients() const { return !deltas.empty(); }
  float* scratch(unsigned rank) { return scratch_.data() + rank * kTransposeScratch; }
  // A thread's cursors: one for each layer that reads the same activation.
  PrefetchCursor* cursors(unsigned rank) { return cursors_.data() + rank * n_cursors_; }

 private:
  MatView share(Matrix& matrix, size_t i) const {
    const MatView all = matrix.view();
    return {all.data + i * n_latent_, all.rows, n_latent_, all.stride};
  }
  size_t n_latent_, heads_, z_, n_cursors_;
  Buffer<float> scratch_;
  Buffer<PrefetchCursor> cursors_;
};

}  // namespace aevb
