// A dense layer over packed weights: forward, data gradient, weight gradient with update. Each
// function does one column panel for a range of rows (or inputs); the callers share panels and
// ranges among threads.
#pragma once

#include <string>

#include "kernels/kernels.h"
#include "nn/nonzeros.h"

namespace aevb {

// Shape of a layer and where its weights lie in the arena: n_panels() panels of (n_in, kPanel),
// then the bias.
struct Dense {
  size_t n_in = 0;
  size_t n_out = 0;
  size_t offset = 0;

  size_t n_panels() const { return ceil_div(n_out, kPanel); }
  size_t panel_offset(size_t panel) const { return offset + panel * n_in * kPanel; }
  size_t bias_offset(size_t panel = 0) const { return panel_offset(n_panels()) + panel * kPanel; }
  size_t end() const { return bias_offset(n_panels()); }
};

// The arena a layer points into: weights, and the optimiser's accumulators laid out alike (or
// null).
struct Arena {
  float* weights = nullptr;
  float* state1 = nullptr;
  float* state2 = nullptr;
};

// Outputs of a layer that have a name of their own: "encoder.hidden0".
struct NamedWeights {
  std::string name;
  const Dense& layer;
  Range outputs;
};

// Their weight (n_in, outputs), dense row-major, and bias (outputs,) out of or into an arena array;
// and one row of the weight, or after the last the bias.
void unpack(const NamedWeights& named, const float* arena, float* weight, float* bias);
void pack(const NamedWeights& named, const float* weight, const float* bias, float* arena);
void pack_row(const NamedWeights& named, size_t row, const float* values, float* arena);

// Blocks of rows that are done together: their outputs are still in L1 when they are activated.
inline constexpr size_t kForwardBlocks = 3;
// Blocks of inputs whose weight gradients are made in one piece: long, as each begins with what no
// prefetch has seen, but so many pieces that the next minibatch's rows are copied between them.
inline constexpr size_t kUpdateBlocks = 6;

// Sums run over blocks of this many terms, so that a block of a weight panel stays in L2.
inline constexpr size_t kDepthBlock = 1024;
// Floats of scratch on each thread for transposed weights: wider layers go without.
inline constexpr size_t kTransposeScratch = kDepthBlock * kPanel;

// What dense_forward reads of W.
inline PrefetchCursor panel_weights(const Dense& layer, const float* weights, size_t panel) {
  return {weights + layer.panel_offset(panel), layer.n_in * kPanel * sizeof(float)};
}
// What dense_backward does: the panel's inputs of every panel of outputs.
inline PrefetchCursor input_weights(const Dense& layer, const float* weights, size_t panel) {
  return {weights + layer.offset + panel * kPanel * kPanel,
          panel_width(layer.n_in, panel) * kPanel * sizeof(float), layer.n_panels(),
          layer.n_in * kPanel * sizeof(float)};
}

// out[:, panel] = act(in W[:, panel] + b), for the given rows; `nonzeros` of `in`, or null.
void dense_forward(const Kernels& k, const Dense& layer, const float* weights, ConstMatView in,
                   MatView out, Activation activation, size_t panel, Range rows,
                   const Nonzeros* nonzeros = nullptr, PrefetchCursor* prefetch = nullptr);

// W^T of one panel of inputs -> out (outputs in whole panels, kPanel).
void dense_transpose(const Kernels& k, const Dense& layer, const float* weights, size_t panel,
                     float* out);

// din[:, panel of inputs] (+)= delta W^T for the given rows; `transposed` is W^T of that panel and
// all outputs, or null: W is taken as it is.
void dense_backward(const Kernels& k, const Dense& layer, const float* weights,
                    const float* transposed, ConstMatView delta, MatView din, bool accumulate,
                    size_t panel, Range rows, PrefetchCursor* prefetch = nullptr);

// Whether dense_backward for n rows is done sooner if W^T is made first (bench/phases.py --shape):
// that takes longer the more outputs there are, whatever the rows; products with W as it is end
// with the addition of a vector's lanes for every row, however many outputs. They break even at 5 n
// outputs (deep); at 8 n (main), W as it is wins.
inline bool transposing_pays(const Dense& layer, size_t n) { return layer.n_out < 6 * n; }

// W^T of a layer, kept for passes that come again with the same weights.
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

// The optimiser's step for inputs of one panel, and for its bias with the first of them; `nonzeros`
// of `in` with its rows found, or null. Meanwhile memory `ahead` is fetched.
void dense_update(const Kernels& k, const Dense& layer, const Arena& arena, const UpdateRule& rule,
                  ConstMatView in, ConstMatView delta, size_t panel, Range inputs,
                  const Nonzeros* nonzeros = nullptr, PrefetchCursor* prefetch = nullptr);

}  // namespace aevb
