// The kernels' arguments and the kernel table. A kernel works on one register tile or one row at a
// time. It runs on one thread, and neither allocates nor throws.
//
// isa.cc is compiled once per instruction set and fills one table of function pointers; dispatch.cc
// chooses a table. Matrices are row-major. Kernels may read and write their padding up to the next
// panel. Weights lie in column panels, [panel][k][kPanel] (base/sizes.h). In the structs named
// Panel..., n_cols <= kPanel; nn/ splits wider matrices into panels.
#pragma once

#include "base/prefetch.h"
#include "base/view.h"
#include "families/info.h"

namespace aevb {

enum class Activation : uint8_t { identity, tanh, relu, softplus, sigmoid };

// C (rows, n_cols) = start + A (rows, k) B (k, n_cols), where B is one panel. start is C itself,
// the bias, or 0.
struct PanelProduct {
  size_t rows, k, n_cols;
  const float* a;
  size_t lda;
  const float* b;
  float* c;
  size_t ldc;
  const float* bias;  // null: none
  bool accumulate;
  bool cold = false;                   // B may lie beyond L2
  const uint32_t* columns = nullptr;   // the k columns of A (rows of B) to use; null: 0 .. k - 1
  PrefetchCursor* prefetch = nullptr;  // fetched into L2 meanwhile; may be null
};

// C (rows, n_cols) (+)= A (rows, k) B^T, where the columns of B lie in panels. Element (c, j) of B
// is b[j / kPanel * panel_stride + c * kPanel + j % kPanel].
struct ProductTransposed {
  size_t rows, k, n_cols;
  const float* a;
  size_t lda;
  const float* b;
  size_t panel_stride;
  float* c;  // no column beyond the last is written
  size_t ldc;
  bool accumulate;
  PrefetchCursor* prefetch = nullptr;  // as above
};

// An update of one panel's weights for a range of inputs: the gradient A^T delta (n_in, n_cols),
// summed in row order, and the optimizer's step. inputs.begin is a multiple of kInputBlock. The
// pointers are to the panel's first weight and to A's first column, whatever inputs.begin is.
struct PanelUpdate {
  size_t rows, n_cols;
  Range inputs;
  const float* a;  // (rows, n_in)
  size_t lda;
  const float* delta;  // (rows, n_cols), from the panel's first column on
  size_t ldd;
  float* weight;
  float* state1;
  float* state2;  // null: the optimizer does not have it
  const UpdateRule* rule;
  // The rows to use for each group of kInputGroup inputs. The other rows of A are zero there. Null:
  // all rows.
  const uint32_t* group_rows = nullptr;  // (groups, rows)
  const uint32_t* n_group_rows = nullptr;
  PrefetchCursor* prefetch = nullptr;  // partly fetched into L2 meanwhile; may be null
};

// Finds the columns of a block of rows that have a nonzero.
struct BlockColumns {
  size_t rows, n_cols;
  const float* x;
  size_t ldx;
  uint32_t* columns;    // out: (n_cols,), ascending; not written if there is nothing to skip
  uint32_t* n_columns;  // out: their number; n_cols if there is nothing to skip
};

// Finds the rows with a nonzero in each group of kInputGroup columns.
struct GroupRows {
  size_t rows, n_cols;  // columns are read up to the next multiple of kInputBlock
  const float* x;
  size_t ldx;
  uint32_t* group_rows;    // out: (groups, rows), ascending
  uint32_t* n_group_rows;  // out: (groups,)
};

// One panel of log p(x|z): its value r, and its gradient, which replaces the decoder's outputs.
struct PanelLikelihood {
  size_t first_row, rows, n_cols;
  size_t n_draws;  // output row r belongs to data row r / n_draws
  const float* x;  // (data rows, n_cols), from the panel's first column on
  size_t ldx;
  // (rows, n_cols) each, from row 0 of the pass on. In: outputs. Out: d(scale * r)/d(output).
  float* outputs[kMostOutputs];
  size_t ld;
  float scale;
  float* partial;  // (rows,): the panel's part of r, unscaled; null: not wanted
  size_t partial_stride;
};

// The decoder's outputs for some rows. The first output is replaced by a mean or a draw.
struct OutputRows {
  size_t rows, n_cols;
  float* outputs[kMostOutputs];
  size_t ld;
};

// Rows of the latent layer. Draw l of data row m is row m * n_draws + l of eps, z, dz and f.
// `latent_sample` writes z, term and draw_term. `latent_backward`, and `latent_recognize` from a
// given z, write dmean and dlog_var.
struct LatentRows {
  size_t objective;  // index in the list of objectives
  float kl_weight;   // factor on log p(z) - log q(z|x), or on -KL
  size_t rows, n_latent, n_draws;
  const float* mean;
  const float* log_var;  // mean and log_var are read in whole vectors, beyond the last column too
  size_t ld_heads;       // row stride of mean, log_var, dmean and dlog_var
  const float* eps;
  float* z;          // out
  float* term;       // out (rows,): the bound without the mean of r over the draws
  float* draw_term;  // out (rows * n_draws,): kl_weight [log p(z) - log q(z|x)]
  const float* dz;   // gradient of the mean of r over the draws
  size_t ld;         // row stride of eps, z and dz
  const float* f;    // score function: r + draw_term of each draw
  float* dmean;      // out; no column beyond the last is written
  float* dlog_var;
};

// Counter-based noise. Philox at the counter (first_block + l * ceil(n_cols / 4) + b, low word of
// id, high word of id, stream) gives block b (four columns) of draw l of a row.
struct NoiseRows {
  uint32_t key[2];
  uint32_t stream;
  const uint64_t* ids;  // (rows,)
  size_t rows, n_draws, n_cols;
  float* out;  // (rows * n_draws, n_cols)
  size_t ld;
  size_t first_block = 0;  // where a row's other noise of this stream ends
};

struct LikelihoodKernels {
  LikelihoodInfo info;
  void (*evaluate)(const PanelLikelihood&);
  void (*mean)(const OutputRows&);  // null: the first output is the mean
  // replaces the mean of x by a draw; overwrites noise.out, whose shape is that of the outputs
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

// A backend is an instruction set and an arithmetic, with the kernels of both.
struct Kernels {
  const char* isa;         // "portable", "avx2", "avx512"
  const char* arithmetic;  // "float32", or "blas": float32 with products by a library

  void (*product)(const PanelProduct&);
  void (*product_transposed)(const ProductTransposed&);
  void (*activate)(Activation, size_t rows, size_t n_cols, float* h, size_t ldh);
  // delta *= act'(h), where the output h gives the derivative
  void (*differentiate)(Activation, size_t rows, size_t n_cols, const float* h, size_t ldh,
                        float* delta, size_t ldd);
  // out (n_cols, kPanel) = transpose of w (n_rows <= kPanel, kPanel); zeros fill each row of out
  // from n_rows to a whole vector
  void (*transpose)(size_t n_rows, size_t n_cols, const float* w, float* out);
  void (*nonzero_columns)(const BlockColumns&);
  void (*nonzero_rows)(const GroupRows&);
  // whether all of x lies in [low, high]; false for NaN
  bool (*within)(size_t rows, size_t n_cols, const float* x, size_t ldx, float low, float high);
  void (*update)(const PanelUpdate&);
  // the same for the bias: 1 stands for a, and inputs is ignored
  void (*update_bias)(const PanelUpdate&);
  // the step alone, for elements [range) of the arrays; sum[0 ...] holds their gradients
  void (*optimize)(const UpdateRule&, const float* sum, Range range, float* weight, float* state1,
                   float* state2);
  void (*latent_sample)(const LatentRows&);
  void (*latent_backward)(const LatentRows&);
  // dmean, dlog_var = the gradient of log q(z|x) with z held fixed, of one draw
  void (*latent_recognize)(const LatentRows&);
  void (*normal)(const NoiseRows&);
  void (*uniform)(const NoiseRows&);
  // x[i] = (uniform noise < x[i]), in place in `out`
  void (*bernoulli_draw)(const NoiseRows&);

  Members<LikelihoodKernels> likelihoods;
  Members<PosteriorInfo> posteriors;
  Members<PriorInfo> priors;
  Members<ObjectiveInfo> objectives;
  Members<OptimizerKernels> optimizers;
};

// The table in use: the best that the machine has, or the one that AEVB_BACKEND names.
const Kernels& kernels();

}  // namespace aevb
