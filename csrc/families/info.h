// Descriptions of the members of each family, for code that is compiled once. Each kernel table
// holds them beside the member's functions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace aevb {

// The values of x that a likelihood accepts: any, above 0, in [0, 1], in (0, 1), integers >= 0, or
// one of a variable's levels.
enum class Support : uint8_t { real, positive, unit_interval, open_unit_interval, counts, levels };

// The function of x that the encoder reads.
enum class Input : uint8_t { as_is, log, log1p };

inline constexpr size_t kMostOutputs = 3;  // of the decoder, per column of x
inline constexpr size_t kMostHeads = 3;    // outputs of the encoder

// How many numbers an output of the decoder has: one per column of x, one per variable, or one less
// than the levels for each variable.
enum class Width : uint8_t { columns, variables, cuts };

struct LikelihoodInfo {
  const char* name;
  const char* text;  // for documentation
  Support support;
  size_t n_outputs;  // of the decoder
  const char* outputs[kMostOutputs];
  // The outputs, for one column, of a decoder that gives every row the same mean and variance.
  void (*start)(double mean, double variance, double* outputs);
  // The last so many outputs are constant in z: numbers of a column.
  size_t n_constant = 0;
  // With levels, a variable has a column for each level: 1 for the level that it has, 0 for others.
  Width widths[kMostOutputs] = {};
  // In the place of `start`: the outputs for one variable and the shares of its n levels.
  void (*start_levels)(const double* shares, size_t n, double* const* outputs) = nullptr;
  // All columns of a row have one distribution, given their total.
  bool is_joint = false;

  // Counts and positive values are skewed, and large ones would saturate the hidden units.
  Input input() const {
    return support == Support::counts     ? Input::log1p
           : support == Support::positive ? Input::log
                                          : Input::as_is;
  }
  // The width of an output for so many columns of x and variables. For those before a variable it
  // is the variable's place in the output.
  size_t width(size_t output, size_t n_columns, size_t n_variables) const {
    switch (widths[output]) {
      case Width::columns:
        return n_columns;
      case Width::variables:
        return n_variables;
      case Width::cuts:
        return n_columns - n_variables;
    }
    return 0;
  }
  bool has_levels() const { return support == Support::levels; }
  bool is_constant(size_t output) const { return output + n_constant >= n_outputs; }
};

// Where z lies: each component on the real line, above 0 or in (0, 1), or all on the simplex.
enum class LatentSupport : uint8_t { real, positive, unit_interval, simplex };

// The noise that a draw of z is a function of.
enum class LatentNoise : uint8_t { normal, uniform };

// The largest number of components of z under a posterior whose last output is a factor.
inline constexpr size_t kMostFactored = 1024;

struct PosteriorInfo {
  const char* name;
  const char* text;  // for documentation
  LatentSupport support;
  const char* prior;  // the standard prior, which "auto" stands for
  LatentNoise noise;
  size_t n_noise;  // numbers per component of z
  size_t n_outputs;
  const char* outputs[kMostHeads];
  bool has_kl;                  // KL(q(z|x) || p(z)) is in closed form for the standard prior
  bool last_is_factor = false;  // the last output has n (n - 1) / 2 columns, not n
  bool is_factorized = true;    // the components of z are independent
  // The gradient of log q(z|x) with z held fixed has the mean 0. This is false if q jumps to 0 at
  // ends that depend on x.
  bool has_score = true;

  // Columns of an output of the encoder, for n components.
  size_t width(size_t output, size_t n) const {
    return last_is_factor && output + 1 == n_outputs ? n * (n - 1) / 2 : n;
  }
};

struct PriorInfo {
  const char* name;
  const char* text;  // for documentation
  LatentSupport support;
};

// What an objective makes of the draws of one row of x. Its gradient is a sum over the draws of
// gradients with these weights.
struct DrawWeights {
  float term = 0.0f;     // of log p(x|z), for the decoder and through z
  float through = 1.0f;  // of the same through z, relative to `term`
  float density = 0.0f;  // of log p(z) - log q(z|x), through z
  float score = 0.0f;    // of log q(z|x) with z held fixed
};

struct RowDraws {
  size_t n;
  const double* log_w;  // (n,): log p(x|z) + kl_weight [log p(z) - log q(z|x)]
  double baseline;      // the mean of log_w over the draws of the other rows
  float kl_weight;
  bool closed_kl;      // -KL is in closed form and has a gradient of its own
  double order;        // of Renyi's bound, not 1
  double* scaled;      // (n,), for the objective
  DrawWeights* draws;  // out (n,)
};

struct ObjectiveInfo {
  const char* name;
  const char* text;              // for documentation
  bool analytic = false;         // the bound has -KL in closed form, where there is one
  bool differentiates_z = true;  // the gradient reaches the encoder through z
  bool reweights = false;        // the bound is not the mean over the draws
  bool has_order = false;        // it raises weights to the power 1 - order
  bool has_baseline = false;     // it needs the draws of the other rows
  // The weights of a row's draws; returns the bound if the objective reweights.
  double (*weigh)(const RowDraws&) = nullptr;
  bool needs_score = false;  // its gradient is right only if PosteriorInfo.has_score
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
  double damping = 20.0;     // of Adagrad: step t has the factor sqrt(t / (t + damping))
  float correction = 1.0f;   // of Adam's learning rate
  float epsilon = 0.0f;      // of Adam, corrected too
  float prior_share = 0.0f;  // rows of the step / rows of the data: for a Gaussian weight posterior
};

// The types of a family's members.
template <class... Member>
struct List {};

}  // namespace aevb
