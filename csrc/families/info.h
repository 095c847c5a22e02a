// Descriptions of the members of each family, for code that is compiled once. Each kernel table
// holds them beside the member's functions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aevb {

// The values of x that a likelihood accepts.
enum class Support : uint8_t { real, unit_interval, counts };

inline constexpr size_t kMostOutputs = 2;  // per column of x (decoder) or component of z (encoder)

struct LikelihoodInfo {
  const char* name;
  const char* text;  // for documentation
  Support support;
  size_t n_outputs;  // of the decoder, per column of x
  const char* outputs[kMostOutputs];
  // The outputs of a decoder that gives every row the same mean and variance.
  void (*start)(double mean, double variance, double* outputs);
};

struct PosteriorInfo {
  const char* name;
  size_t n_outputs;  // of the encoder, per component of z
  const char* outputs[kMostOutputs];
};

struct PriorInfo {
  const char* name;
};

struct ObjectiveInfo {
  const char* name;
  bool analytic;          // the bound has -KL in closed form, not the mean of log p(z) - log q(z|x)
  bool differentiates_z;  // the gradient reaches the encoder through z
};

struct OptimizerInfo {
  const char* name;
  bool moves_weights;  // false: it only adds gradients up
  size_t n_states;     // accumulators per weight
  size_t squares;      // the accumulator that sums squares, from 1; 0: none
};

// One step of an optimizer along the gradient g = scale * sum - decay * w, element by element.
struct UpdateRule {
  size_t optimizer = 0;  // index in the list; 0 only accumulates: state1 += sum
  float learning_rate = 0.0f;
  float scale = 1.0f;
  float decay = 0.0f;
  float correction = 1.0f;  // of Adam's learning rate
  float epsilon = 0.0f;     // of Adam, corrected too
};

// The types of a family's members.
template <class... Member>
struct List {};

}  // namespace aevb
