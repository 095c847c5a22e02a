// log p(x|z) of variables with levels and its gradient, in place of the decoder's outputs; the
// probabilities of levels, and draws.
#pragma once

#include "families/likelihoods/all.h"
#include "kernels/kernels.h"
#include "kernels/noise-inl.h"

namespace aevb::AEVB_ISA {
namespace {

template <class L>
AEVB_INLINE Variable variable_at(const LevelRows& t, size_t row, size_t variable, size_t column) {
  Variable v = {t.levels[variable], nullptr, {}};
  if (t.x != nullptr) v.x = t.x + (t.first_row + row) / t.n_draws * t.ldx + column;
  for (size_t o = 0; o < L::info.n_outputs; ++o)
    v.output[o] = t.outputs[o] + row * t.ld[o] + L::info.width(o, column, variable);
  return v;
}

// Sets a missing variable's gradients to 0.
template <class L>
AEVB_INLINE void pass_nothing(const Variable& v) {
  for (size_t o = 0; o < L::info.n_outputs; ++o) {
    const size_t n = L::info.width(o, v.n, 1);
    for (size_t k = 0; k < n; ++k) v.output[o][k] = 0.0f;
  }
}

template <class L>
void evaluate_levels(const LevelRows& t) {
  for (size_t r = 0; r < t.rows; ++r) {
    double log_p = 0.0;
    for (size_t i = 0, column = 0; i < t.n_variables; column += t.levels[i++]) {
      const Variable v = variable_at<L>(t, r, i, column);
      if (L::info.has_levels() && v.x[0] != v.x[0]) {
        pass_nothing<L>(v);
      } else {
        log_p += static_cast<double>(L::evaluate(v, t.scale));
      }
    }
    if (t.partial != nullptr) t.partial[r * t.partial_stride] = static_cast<float>(log_p);
  }
}

// From the last variable to the first: the probabilities of a variable may overwrite narrower
// outputs of later ones.
template <class L>
void level_means(const LevelRows& t) {
  size_t n_columns = 0;
  for (size_t i = 0; i < t.n_variables; ++i) n_columns += t.levels[i];
  for (size_t r = 0; r < t.rows; ++r) {
    for (size_t i = t.n_variables, column = n_columns; i-- > 0;) {
      column -= t.levels[i];
      const Variable v = variable_at<L>(t, r, i, column);
      float* row = t.outputs[0] + r * t.ld[0];
      if (L::info.widths[0] == Width::variables) row[column] = row[i];
      Variable placed = v;
      placed.output[0] = row + column;
      L::probabilities(placed);
    }
  }
}

// The level at which the running sum of the probabilities passes a uniform number.
void draw_levels(const LevelRows& t, const NoiseRows& noise) {
  uniform(noise);
  for (size_t r = 0; r < t.rows; ++r) {
    float* p = t.outputs[0] + r * t.ld[0];
    const float* u = noise.out + r * noise.ld;
    for (size_t i = 0; i < t.n_variables; ++i) {
      const size_t n = t.levels[i];
      size_t level = 0;
      for (float below = p[0]; level + 1 < n && !(u[0] < below); below += p[level]) ++level;
      for (size_t k = 0; k < n; ++k) p[k] = k == level ? 1.0f : 0.0f;
      p += n;
      u += n;
    }
  }
}

}  // namespace
}  // namespace aevb::AEVB_ISA
