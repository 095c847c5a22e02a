// A dense layer over packed weights: forward, data gradient, weight gradient with the update. Each
// function works on one column panel for a range of rows (or inputs). The callers share panels and
// ranges among threads.
#pragma once

#include <string>

#include "kernels/kernels.h"
#include "nn/nonzeros.h"

namespace aevb {

// The shape of a layer and its place in the arena: n_panels() panels of (n_in, kPanel), then the
// bias.
struct Dense {
  size_t n_in = 0;
  size_t n_out = 0;
  size_t offset = 0;

  size_t n_panels() const { return ceil_div(n_out, kPanel); }
  size_t panel_offset(size_t panel) const { return offset + panel * n_in * kPanel; }
  size_t bias_offset(size_t panel = 0) const { return panel_offset(n_panels()) + panel * kPanel; }
  size_t end() const { return bias_offset(n_panels()); }
};

// The arenas that layers point into, all in the same layout (or null): the weights, and the
// optimizer's accumulators. With a weight posterior these are of its means. The others are its log
// standard deviations, their accumulators, and the prior of each weight.
struct Arena {
  float* weights = nullptr;
  float* state1 = nullptr;
  float* state2 = nullptr;
  float* log_sd = nullptr;
  float* log_sd_state1 = nullptr;
  float* log_sd_state2 = nullptr;
  const float* prior_mean = nullptr;
  const float* prior_log_sd = nullptr;
};

// The weights that a pass has drawn, and the precision of their prior.
struct DrawnWeights {
  const float* weights = nullptr;  // an arena; null: none are drawn
  float precision = 0.0f;
};

// Outputs of a layer whose weights have a name of their own: "encoder.hidden0". A layer without
// inputs has a bias alone.
struct NamedWeights {
  std::string name;
  const Dense& layer;
  Range outputs;

  bool has_weight() const { return layer.n_in > 0; }
};

// Copies their weight (n_in, outputs), dense row-major, and their bias (outputs,) from or to an
// arena array. pack_row copies one row of the weight, or the bias as row n_in.
void unpack(const NamedWeights& named, const float* arena, float* weight, float* bias);
void pack(const NamedWeights& named, const float* weight, const float* bias, float* arena);
void pack_row(const NamedWeights& named, size_t row, const float* values, float* arena);

// Blocks of rows of one task: their outputs are still in L1 when the activation function is
// applied.
inline constexpr size_t kForwardBlocks = 3;
// Blocks of inputs of one task of the update. The tasks are long, as no prefetch has seen a task's
// first lines. They are as many as it takes to copy the next minibatch's rows between them.
inline constexpr size_t kUpdateBlocks = 6;

// Sums run over blocks of this many terms, so that a block of a weight panel stays in L2.
inline constexpr size_t kDepthBlock = 1024;
// Floats of each thread's scratch buffer for transposed weights. Wider layers are not transposed.
inline constexpr size_t kTransposeScratch = kDepthBlock * kPanel;

// The weights that dense_forward reads.
inline PrefetchCursor panel_weights(const Dense& layer, const float* weights, size_t panel) {
  return {weights + layer.panel_offset(panel), layer.n_in * kPanel * sizeof(float)};
}
// The weights that dense_backward reads: the inputs of one panel, in every panel of outputs.
inline PrefetchCursor input_weights(const Dense& layer, const float* weights, size_t panel) {
  return {weights + layer.offset + panel * kPanel * kPanel,
          panel_width(layer.n_in, panel) * kPanel * sizeof(float), layer.n_panels(),
          layer.n_in * kPanel * sizeof(float)};
}

// out[:, panel] = act(in W[:, panel] + b), for the given rows. `nonzeros` are those of `in`, or
// null.
void dense_forward(const Kernels& k, const Dense& layer, const float* weights, ConstMatView in,
                   MatView out, Activation activation, size_t panel, Range rows,
                   const Nonzeros* nonzeros = nullptr, PrefetchCursor* prefetch = nullptr);

// out (outputs in whole panels, kPanel) = W^T of one panel of inputs.
void dense_transpose(const Kernels& k, const Dense& layer, const float* weights, size_t panel,
                     float* out);

// din[:, panel of inputs] (+)= delta W^T for the given rows. `transposed` is W^T of that panel and
// all outputs. If it is null, W is read as it is stored.
void dense_backward(const Kernels& k, const Dense& layer, const float* weights,
                    const float* transposed, ConstMatView delta, MatView din, bool accumulate,
                    size_t panel, Range rows, PrefetchCursor* prefetch = nullptr);

// Whether dense_backward for n rows is faster if W^T is made first (bench/phases.py --shape). The
// time for W^T grows with the outputs, whatever the rows. A product with W as stored ends with the
// sum of a vector's lanes for every row, whatever the outputs. The two are equal at 5 n outputs
// (shape deep). At 8 n (shape main), W as stored is faster.
inline bool transposing_pays(const Dense& layer, size_t n) { return layer.n_out < 6 * n; }

// W^T of a layer, kept for several passes with the same weights.
class Transposed {
 public:
  explicit Transposed(const Dense& layer)
      : layer_(&layer), data_(ceil_div(layer.n_in, kPanel) * panel_size()) {}
  const Dense& layer() const { return *layer_; }
  void make(const Kernels& k, const float* weights);
  // (outputs in whole panels, kPanel)
  const float* panel(size_t panel) const { return data_.data() + panel * panel_size(); }

 private:
  size_t panel_size() const { return layer_->n_panels() * kPanel * kPanel; }
  const Dense* layer_;
  Buffer<float> data_;
};

// The optimizer's step for a range of inputs of one panel, and for the panel's bias with input 0.
// `nonzeros` are those of `in`, with its rows found, or null. The lines of `prefetch` are fetched
// meanwhile. If `drawn` has weights, the step is that of their posterior's parameters.
void dense_update(const Kernels& k, const Dense& layer, const Arena& arena, const UpdateRule& rule,
                  ConstMatView in, ConstMatView delta, size_t panel, Range inputs,
                  const Nonzeros* nonzeros = nullptr, PrefetchCursor* prefetch = nullptr,
                  const DrawnWeights& drawn = {});

}  // namespace aevb
