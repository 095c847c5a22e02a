// What the members of a family say of themselves to the code that is compiled once. Each kernel
// table carries it beside the member's functions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aevb {

// The values of x that a likelihood takes.
enum class Support : uint8_t { real, unit_interval, counts };

inline constexpr size_t kMostOutputs = 2;  // of the decoder for a column, or of the encoder for z

struct LikelihoodInfo {
  const char* name;
  Support support;
  size_t n_outputs;  // of the decoder, for each column
  const char* outputs[kMostOutputs];
};

struct PosteriorInfo {
  const char* name;
  size_t n_outputs;  // of the encoder, for each component of z
  const char* outputs[kMostOutputs];
};

struct PriorInfo {
  const char* name;
};

struct ObjectiveInfo {
  const char* name;
  bool analytic;          // -KL in closed form stands for the draws' log p(z) - log q(z|x)
  bool differentiates_z;  // the gradient reaches the encoder through z
};

struct OptimizerInfo {
  const char* name;
  bool moves_weights;  // else it only adds gradients up
  size_t n_states;     // accumulators of each weight
  size_t squares;      // which of them sums squares, from 1; 0: none
};

// One step of an optimizer up the gradient g = scale * sum - decay * w, element by element.
struct UpdateRule {
  size_t optimizer = 0;  // in the list of optimizers, where the first adds up: state1 += sum
  float learning_rate = 0.0f;
  float scale = 1.0f;
  float decay = 0.0f;
  float mean_correction = 1.0f;  // Adam's
  float variance_correction = 1.0f;
};

// The members of a family.
template <class... Member>
struct List {
  static constexpr size_t size = sizeof...(Member);
};

}  // namespace aevb
