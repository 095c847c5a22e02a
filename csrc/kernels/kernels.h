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

// A draw of one panel's weights from their Gaussian posterior: theta = mean + exp(log_sd) * zeta
// for n_rows rows of the panel, (n_rows, kPanel) each. Philox at the counter (16 * (first_row + r)
// + i, step, stream) gives elements i, 16 + i, 32 + i and 48 + i of row r, whatever the vectors'
// width.
struct PanelDraw {
  uint32_t key[2];
  uint32_t stream;
  uint32_t step;       // its low word
  uint64_t first_row;  // of the arena, in rows of kPanel
  size_t n_rows, n_cols;
  const float* mean;
  const float* log_sd;
  float* out;  // columns beyond the last become 0
};

// The optimizer's step on both parameters of a Gaussian weight posterior, for n_cols weights.
struct WeightPosteriorUpdate {
  size_t n_cols;
  const UpdateRule* rule;
  const float* sum;    // the gradient for the drawn weights, summed over the step's rows
  const float* drawn;  // theta
  float* mean;
  float* state1;
  float* state2;
  float* log_sd;
  float* log_sd_state1;
  float* log_sd_state2;
  float precision;            // of the prior N(0, 1 / precision), or
  const float* prior_mean;    // the prior of each weight; null: the one above
  const float* prior_log_sd;  // null with it
};

// What the encoder reads of some columns of x: a function of x, and 0 where x is missing (NaN).
struct InputRows {
  size_t rows, n_cols;
  Input input;
  const float* x;
  size_t ldx;
  float* out;  // (rows, n_cols); also written up to the next whole vector
  size_t ld;
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
  bool holes = false;  // x may be NaN, a missing value: it adds 0 to r and has the gradient 0
};

// The decoder's outputs for some rows. The first output is replaced by a mean or a draw.
struct OutputRows {
  size_t rows, n_cols;
  float* outputs[kMostOutputs];
  size_t ld;
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

// Rows of variables with levels. Variable v has levels[v] columns of x, after those of the
// variables before it.
struct LevelRows {
  size_t first_row, rows;  // outputs and partial begin at the first row, x at row 0
  size_t n_draws;          // output row r belongs to data row r / n_draws
  size_t n_variables;
  const uint32_t* levels;  // (n_variables,)
  const float* x;          // (data rows, columns): one 1 for each variable, or all NaN
  size_t ldx;
  float* outputs[kMostOutputs];  // in: the decoder's. Out: d(scale * r)/d(output)
  size_t ld[kMostOutputs];
  float scale;
  float* partial;  // (rows,): r; null: not wanted
  size_t partial_stride;
};

struct LikelihoodKernels {
  LikelihoodInfo info;
  // r of a panel and its gradient; null if the likelihood has levels
  void (*evaluate)(const PanelLikelihood&);
  void (*mean)(const OutputRows&);  // null: the first output is the mean
  // replaces the mean of x by a draw; overwrites noise.out, whose shape is that of the outputs
  void (*draw)(const OutputRows&, const NoiseRows& noise);
  // The same with levels. The mean replaces the first output by the probability of each level.
  void (*evaluate_levels)(const LevelRows&);
  void (*level_means)(const LevelRows&);
};

struct PriorKernels {
  PriorInfo info;
  double (*log_constant)(size_t n);
  double (*add_log_kernel)(double sum, const float* z, size_t n);
  // log p(z) of n components
  double log_density(const float* z, size_t n) const {
    return add_log_kernel(log_constant(n), z, n);
  }
  // gradient += scale * d log p(z) / dz; z is read in whole vectors
  void (*add_gradient)(float scale, const float* z, size_t n, float* gradient);
  void (*draw)(const NoiseRows&);  // noise.out becomes z ~ p(z)
};

// Rows of the latent layer. Draw l of data row m is row m * n_draws + l of noise, z, dz, draw_term
// and draws. `sample` writes z, term and draw_term. `backward` writes doutputs, and `recognize`
// does so from a given z.
struct LatentRows {
  size_t objective;  // index in the list of objectives
  const PriorKernels* prior;
  bool closed_kl;   // -KL is in closed form: term has it, and its gradient is added
  float kl_weight;  // factor on log p(z) - log q(z|x), or on -KL, in the gradient
  size_t rows, n_latent, n_draws;
  const float*
      outputs[kMostHeads];  // of the encoder; read in whole vectors, beyond the last column
  size_t ld_heads;          // row stride of outputs and doutputs
  const float* noise;       // one row of n_latent numbers after the other, n_noise of them
  size_t ld_noise;
  float* z;          // out
  float* term;       // out (rows,): the bound without the mean of r over the draws
  float* draw_term;  // out (rows * n_draws,): log p(z) - log q(z|x)
  float* dz;         // gradient of the mean of r over the draws; overwritten
  size_t ld;         // row stride of z and dz
  const float* f;    // score function: r + kl_weight * draw_term of each draw
  const DrawWeights* draws;
  const float* kl_component_weight;  // (n_latent,): replaces kl_weight; null: none
  float* doutputs[kMostHeads];       // out; no column beyond the last is written

  // An output of the encoder for a row.
  const float* output(size_t i, size_t row) const { return outputs[i] + row * ld_heads; }
  float* doutput(size_t i, size_t row) const { return doutputs[i] + row * ld_heads; }
};

struct PosteriorKernels {
  PosteriorInfo info;
  void (*sample)(const LatentRows&);
  void (*backward)(const LatentRows&);
  // doutputs = the gradient of log q(z|x) with z held fixed, of one draw
  void (*recognize)(const LatentRows&);
  // draw_term = log q(z|x) of given z; dz = its gradient for z, unless that is null
  void (*log_density)(const LatentRows&);
  // mean and standard deviation of z, (rows, n_latent) with the row stride ld
  void (*moments)(const LatentRows&, float* mean, float* deviation);
  // KL(q(z_j|x) || p(z_j)) from the standard prior, (rows, n_latent) as above; null: no closed
  // form. If the components depend on each other, the first has KL(q(z|x) || p(z)), the others 0.
  void (*kl)(const LatentRows&, float* kl);
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
  void (*read_inputs)(const InputRows&);
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
  void (*draw_weights)(const PanelDraw&);
  void (*update_weight_posterior)(const WeightPosteriorUpdate&);
  // sample and backward of the paper's posterior and prior, for an objective that has them
  void (*latent_sample)(const LatentRows&);
  void (*latent_backward)(const LatentRows&);
  size_t n_fused_objectives;  // the first so many have them
  void (*normal)(const NoiseRows&);
  void (*uniform)(const NoiseRows&);
  // x[i] = (uniform noise < x[i]), in place in `out`
  void (*bernoulli_draw)(const NoiseRows&);
  // replaces the probabilities of each variable's levels, in outputs[0], by 1 for a level drawn
  // from them and 0 for the others; overwrites noise.out
  void (*draw_levels)(const LevelRows&, const NoiseRows& noise);

  Members<LikelihoodKernels> likelihoods;
  Members<PosteriorKernels> posteriors;
  Members<PriorKernels> priors;
  Members<ObjectiveInfo> objectives;
  Members<OptimizerKernels> optimizers;
};

// The table in use: the best that the machine has, or the one that AEVB_BACKEND names.
const Kernels& kernels();

}  // namespace aevb
