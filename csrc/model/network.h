// The description of a model: its activations, the layers between them, and the blocks of output
// columns.
#pragma once

#include <string>

#include "model/config.h"
#include "nn/dense.h"

namespace aevb {

// An activation: a matrix of a pass with one row per data row, or per draw of z.
struct ActivationShape {
  size_t width;
  bool per_draw;
  Activation function;            // of the layer that writes it
  std::vector<size_t> consumers;  // the layers that read it
};

// A layer, with the activations that it reads and writes.
struct LayerUse {
  std::string name;  // "encoder.hidden0"
  Dense layer;
  size_t input, output;
};

// Columns of x with one likelihood, and the output layers that give its parameters.
struct OutputBlock {
  size_t likelihood;
  Range columns;  // of x
  Range layers;
  size_t first_panel;  // index among the panels of all blocks; with groups a block has one
  size_t first_noise;  // index among the noise of all blocks, four columns each
  // The widths of groups of columns that have one distribution: the levels of each variable, or all
  // columns of a joint likelihood. Empty: each column has its own.
  std::vector<uint32_t> groups;
};

struct Network {
  explicit Network(const Config& config);

  static constexpr size_t kX = 0;  // the activation that holds what the encoder reads

  std::vector<ActivationShape> activations;
  std::vector<LayerUse> layers;     // in forward order
  Range encoder;                    // hidden layers, then the heads; none for Monte Carlo EM
  Range decoder;                    // hidden layers
  Range outputs;                    // output layers
  std::vector<OutputBlock> blocks;  // in the order of their columns
  size_t heads = 0;                 // activation: the outputs of the encoder, side by side
  size_t z = 0;                     // activation
  size_t n_panels = 0;              // of all blocks' columns
  size_t arena_size = 0;
  Range variational;  // layers whose weights have a posterior

  bool has_closed_kl = false;  // KL(q(z|x) || p(z)) has a closed form
  bool has_inputs = false;     // the encoder does not read x as it is
  bool has_groups = false;     // some block has them

  bool has_encoder() const { return !encoder.empty(); }
  // The columns of an output of the encoder among the heads; past the last one, an empty range.
  Range head(size_t output) const;
  const LayerUse& heads_layer() const { return layers[encoder.end - 1]; }
  // The weights of every layer with their names; each output of the heads has a name of its own.
  std::vector<NamedWeights> named_weights() const { return named_weights({0, layers.size()}); }
  // The same for a range of layers.
  std::vector<NamedWeights> named_weights(Range some) const;

 private:
  size_t add_activation(size_t width, bool per_draw, Activation function = Activation::identity);
  // Appends a layer with its output activation, and returns the index of that. A constant layer has
  // a bias alone. The activation has n_out columns, or `width` if that is more.
  size_t add_layer(std::string name, size_t input, size_t n_out, Activation activation,
                   bool is_constant = false, size_t width = 0);
  void add_encoder(const Config& config);
  void add_decoder(const Config& config);
  void add_outputs(const Config& config, size_t input);

  const PosteriorInfo* posterior_;
  size_t n_latent_;
};

// Floating-point operations of the products for one data row: of the forward pass, or of the whole
// step.
double flops_per_row(const Network& network, size_t n_draws, bool gradients);

}  // namespace aevb
