// Every matrix that one pass over a minibatch (or a block of rows) touches, allocated once.
#pragma once

#include <atomic>

#include "model/model.h"
#include "nn/random.h"
#include "nn/rows.h"

namespace aevb {

struct Workspace {
  // For up to `rows` data rows of `draws` draws each, on up to `threads` threads; gradients only
  // where asked.
  Workspace(const Model& model, size_t rows, size_t draws, bool gradients, int threads);

  size_t n_draws;

  std::vector<int64_t> index;              // rows of the data set in this pass
  std::vector<uint64_t> ids;               // their noise ids
  Nonzeros nonzeros;                       // of x
  bool rows_listed = false;                // in nonzeros: x is not full
  std::atomic<bool> out_of_range = false;  // some of x, where the data are guarded
  Matrix x[2];                             // (rows, D): one is gathered while the other is in use
  std::vector<Matrix> encoder;             // hidden activations
  Matrix heads;                            // (rows, 2 J): mean and log_var
  Matrix eps, z;                           // (rows * draws, J)
  std::vector<Matrix> decoder;
  std::vector<Matrix> outputs;   // decoder outputs, then their gradients in place
  size_t n_partials;             // panels of an output
  std::vector<float> partial;    // (rows * draws, n_partials) of r = log p(x|z)
  std::vector<float> term;       // (rows,) what the bound has beside the mean of r
  std::vector<float> draw_term;  // (rows * draws,)
  std::vector<float> f;          // (rows * draws,) r + draw_term
  std::vector<double> bound;     // (rows,)
  std::vector<double> variance;  // (rows,) of bound over the noise, NaN for one draw

  std::vector<Matrix> encoder_delta, decoder_delta;
  Matrix dz, dheads;

  MatView mean() { return half(heads, 0); }
  MatView log_var() { return half(heads, 1); }
  MatView dmean() { return half(dheads, 0); }
  MatView dlog_var() { return half(dheads, 1); }

  // W^T of the decoder's layers, where they are kept: room for them, and what they are now.
  void keep_transposed(const Model& model);
  void transpose(const Kernels& k, const Model& model);
  const float* transposed(const Dense& layer, size_t panel) const;  // null: not kept

  bool gradients() const { return !encoder_delta.empty(); }
  float* scratch(unsigned rank) { return scratch_.data() + rank * kTransposeScratch; }

 private:
  static MatView half(Matrix& matrix, size_t which) {
    const MatView both = matrix.view();
    return {both.data + which * (both.cols / 2), both.rows, both.cols / 2, both.stride};
  }
  Buffer<float> scratch_;
  std::vector<Transposed> transposed_;
};

}  // namespace aevb
