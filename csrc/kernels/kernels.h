// The kernels: one register tile or one row at a time, single-threaded, no allocation, no throw.
//
// isa.cc is compiled once per instruction set and fills one table of function pointers; dispatch.cc
// picks a table. Matrices are row-major with padding up to the next panel that kernels may read and
// write; weights are packed in column panels of kPanel floats, [panel][k][kPanel] (base/sizes.h).
// In the structs named Panel... `n_cols` never exceeds kPanel: nn/ walks wider matrices by panels.
#pragma once

#include "base/prefetch.h"
#include "base/view.h"
#include "families/info.h"

namespace aevb {

enum class Activation : uint8_t { identity, tanh, relu, softplus, sigmoid };
// C (rows, n_cols) = start + A (rows, k) B (k, n_cols), B one panel; start is C itself, the bias,
// or 0.
struct PanelProduct {
  size_t rows, k, n_cols;
  const float* a;
  size_t lda;
  const float* b;
  float* c;
  size_t ldc;
  const float* bias;  // null: none
  bool accumulate;
  bool cold = false;                  // B may lie beyond L2
  const uint32_t* columns = nullptr;  // the k columns of A, and rows of B, to use; null: 0 .. k - 1
  PrefetchCursor* prefetch =
      nullptr;  // what is read after this: fetched into L2 meanwhile, or null
};

// C (rows, n_cols) (+)= A (rows, k) B^T, where B's rows lie in column panels: element (c, j) is
// b[j / kPanel * panel_stride + c * kPanel + j % kPanel].
struct ProductTransposed {
  size_t rows, k, n_cols;
  const float* a;
  size_t lda;
  const float* b;
  size_t panel_stride;
  float* c;  // no column beyond the last
  size_t ldc;
  bool accumulate;
  PrefetchCursor* prefetch = nullptr;  // as above
};

// Weights of one panel, inputs [begin, end): gradient A^T delta (n_in, n_cols), sums over rows in
// row order, and the optimiser's step on it. `begin` is a multiple of kInputBlock; the pointers are
// to the panel's first weight and A's first column, whatever it is.
struct PanelUpdate {
  size_t rows, n_cols;
  Range inputs;
  const float* a;  // (rows, n_in)
  size_t lda;
  const float* delta;  // (rows, n_cols), the panel's first column
  size_t ldd;
  float* weight;
  float* state1;
  float* state2;  // Adam only
  const UpdateRule* rule;
  // Rows to use for each group of kInputGroup inputs, where the others are zero in A; null: all of
  // them.
  const uint32_t* group_rows = nullptr;  // (groups, rows)
  const uint32_t* n_group_rows = nullptr;
  PrefetchCursor* prefetch =
      nullptr;  // what is read after this: some of it is fetched meanwhile, or null
};

// Columns of a block of rows that are not zero in all of them.
struct BlockColumns {
  size_t rows, n_cols;
  const float* x;
  size_t ldx;
  uint32_t* columns;    // out: (n_cols,), ascending; not written where there is nothing to skip
  uint32_t* n_columns;  // out: their number, n_cols then
};

// Rows with a nonzero in each group of kInputGroup columns.
struct GroupRows {
  size_t rows, n_cols;  // columns up to the next multiple of kInputBlock are read
  const float* x;
  size_t ldx;
  uint32_t* group_rows;    // out: (groups, rows), ascending
  uint32_t* n_group_rows;  // out: (groups,)
};

// Log-likelihood of one panel of outputs, and its gradient in place of the decoder's outputs.
struct PanelLikelihood {
  size_t first_row, rows, n_cols;
  size_t n_draws;  // output row r belongs to data row r / n_draws
  const float* x;  // (data rows, n_cols), the panel's first column
  size_t ldx;
  // (rows, n_cols) each, row 0 of the pass: outputs in, d(scale * r)/d(output) out
  float* outputs[kMostOutputs];
  size_t ld;
  float scale;
  float*
      partial;  // (rows,) with stride: the panel's share of r, unscaled; null: the gradient alone
  size_t partial_stride;
};

// The decoder's outputs of some rows: the first of them becomes a mean, or a draw.
struct OutputRows {
  size_t rows, n_cols;
  float* outputs[kMostOutputs];
  size_t ld;
};

// Rows of the latent layer. Draw l of data row m is row m * n_draws + l of eps, z, dz and f.
struct LatentRows {
  size_t objective;  // in the list of objectives
  float kl_weight;   // factor on the terms of prior and posterior
  size_t rows, n_latent, n_draws;
  const float* mean;
  const float* log_var;  // these two are read in whole vectors, beyond the last column too
  size_t ld_heads;       // of these two and their gradients
  const float* eps;
  float* z;          // sample: out
  float* term;       // sample: (rows,) the bound less the mean of r over draws
  float* draw_term;  // sample: (rows * n_draws,) kl_weight [log p(z) - log q(z|x)] of each draw
  const float* dz;   // backward: gradient of the scaled reconstruction
  size_t ld;         // of eps, z and dz
  const float* f;    // backward, score function: log p(x, z) - log q(z|x) of each draw
  float* dmean;      // backward: out, no column beyond the last
  float* dlog_var;
};

// Counter-based noise: block b (four columns) of draw l of a row is Philox at the counter
// (l * ceil(n_cols / 4) + b, low word of id, high word of id, stream).
struct NoiseRows {
  uint32_t key[2];
  uint32_t stream;
  const uint64_t* ids;  // (rows,)
  size_t rows, n_draws, n_cols;
  float* out;  // (rows * n_draws, n_cols)
  size_t ld;
};

struct LikelihoodKernels {
  LikelihoodInfo info;
  void (*evaluate)(const PanelLikelihood&);
  void (*mean)(const OutputRows&);
  // x over its mean; noise.out, which has the outputs' shape, is overwritten
  void (*draw)(const OutputRows&, const NoiseRows& noise);
};

struct OptimizerKernels {
  OptimizerInfo info;
  void (*prepare)(double t, UpdateRule&);  // completes the rule of step t, which counts from 1
};

// The members of a family.
template <class T>
struct Members {
  const T* data;
  size_t size;
  const T& operator[](size_t i) const { return data[i]; }
  const T* begin() const { return data; }
  const T* end() const { return data + size; }
};

struct Kernels {
  const char* name;

  void (*product)(const PanelProduct&);
  void (*product_transposed)(const ProductTransposed&);
  void (*activate)(Activation, size_t rows, size_t n_cols, float* h, size_t ldh);
  // delta *= act'(h), the derivative expressed by the output h
  void (*differentiate)(Activation, size_t rows, size_t n_cols, const float* h, size_t ldh,
                        float* delta, size_t ldd);
  // out (n_cols, kPanel) = transpose of w (n_rows <= kPanel, kPanel), rows beyond n_rows as zero
  // columns
  void (*transpose)(size_t n_rows, size_t n_cols, const float* w, float* out);
  void (*nonzero_columns)(const BlockColumns&);
  void (*nonzero_rows)(const GroupRows&);
  // whether all of x lies in [low, high]; NaN does not
  bool (*within)(size_t rows, size_t n_cols, const float* x, size_t ldx, float low, float high);
  void (*update)(const PanelUpdate&);
  void (*update_bias)(
      const PanelUpdate&);  // the same for the bias: inputs is ignored, a constant 1 stands for a
  // the step alone, for elements [range) of the arrays, their summed gradients in sum[0 ...]
  void (*optimize)(const UpdateRule&, const float* sum, Range range, float* weight, float* state1,
                   float* state2);
  void (*latent_sample)(const LatentRows&);
  void (*latent_backward)(const LatentRows&);
  // dmean, dlog_var: the gradient of log q(z|x) with z held fixed; one draw
  void (*latent_recognize)(const LatentRows&);
  void (*normal)(const NoiseRows&);
  void (*uniform)(const NoiseRows&);
  // x[i] = (uniform noise < x[i]), in place over `out`
  void (*bernoulli_draw)(const NoiseRows&);

  Members<LikelihoodKernels> likelihoods;
  Members<PosteriorInfo> posteriors;
  Members<PriorInfo> priors;
  Members<ObjectiveInfo> objectives;
  Members<OptimizerKernels> optimizers;
};

// The table in use: the widest the machine has, or the one that AEVB_FORCE_ISA names.
const Kernels& kernels();

}  // namespace aevb
