// Weight gradients, each followed by the optimizer's step. The sums of a tile of A^T delta go from
// registers into the weights, so gradients never reach memory. Each weight and its accumulators are
// read and written once per step.
//
// Register budget: AVX-512 has 5 x 4 sums + 4 of delta + 1 of A; AVX2 and SSE have 6 x 2 + 2 + 1,
// or 5 x 2 if rows are skipped. With AVX-512's 32 registers the sums stay in registers for the
// optimizer. 16 registers have no room for both, and GCC moved sums about in the loop. So there a
// function of its own computes the sums, and they pass through L1.
#pragma once

#include "families/optimizers/all.h"
#include "kernels/kernels.h"

namespace aevb::AEVB_ISA {
namespace {

inline constexpr size_t kUpdateVectors = kManyRegisters ? 4 : 2;

// Rows between two prefetches, in an unrolled loop. A burst of prefetches would delay the tile's
// own loads. A test for a prefetch at every row takes a twelfth of the update's time.
inline constexpr size_t kRowsPerFetch = 5;
// Lines of the prefetch cursor that one tile fetches.
inline constexpr size_t kPrefetchLines = 5;

// The step for elements [range) of the arrays; sum[0 ...] holds their gradients. Works on whole
// vectors, so the arrays are padded to them.
template <class O>
void step_range(const UpdateRule& rule, const float* sum, Range r, float* w, float* s1, float* s2) {
  for (size_t c = 0; c < r.size(); c += W) O::step(rule, load<1>(sum + c), r.begin + c, w, s1, s2);
}

// acc (R, C vectors) = A[:, input : input + R]^T delta, with rows added in order. Meanwhile the
// weights and accumulators of the next inputs are fetched, as they come from beyond L2.
template <size_t R, size_t C>
AEVB_TILE void sum_rows(const PanelUpdate& u, size_t input, size_t col, Vec (&acc)[R][C]) {
  const float* a = u.a + input;
  const float* delta = u.delta + col;
  const size_t next = (input + R) * kPanel + col;
  const float* const next_weight = (u.weight != nullptr ? u.weight : u.state1) + next;
  const float* const next_state = (u.state1 != nullptr ? u.state1 : u.weight) + next;
  const float* const next_state2 = u.state2 != nullptr ? u.state2 + next : nullptr;
  constexpr size_t kRowLines = ceil_div(C * W, kLineFloats);
  constexpr size_t kLines = R * kRowLines;
  Vec sum[R][C] = {};
  const auto add_row = [&](const float* a_row, const float* delta_row)
                           __attribute__((always_inline)) {
                             Vec d[C];
#pragma GCC unroll 4
                             for (size_t v = 0; v < C; ++v) d[v] = load(delta_row + v * W);
#pragma GCC unroll 20
                             for (size_t r = 0; r < R; ++r) {
                               const Vec am = set1(a_row[r]);
#pragma GCC unroll 4
                               for (size_t v = 0; v < C; ++v) add_product(sum[r][v], am, d[v]);
                             }
                           };
  const auto fetch_next = [&](size_t line) {
    const size_t from = line / kRowLines * kPanel + line % kRowLines * kLineFloats;
    __builtin_prefetch(next_weight + from, 1);
    __builtin_prefetch(next_state + from, 1);
    if (next_state2 != nullptr) __builtin_prefetch(next_state2 + from, 1);
  };
  PrefetchCursor* const prefetch = u.prefetch;
  const auto fetch_from_cursor = [&] {
    if (prefetch != nullptr && !prefetch->empty()) fetch_into_l2(prefetch->line());
  };
  const size_t group = input / kInputGroup;
  if (u.group_rows != nullptr && u.n_group_rows[group] < u.rows) {
    const uint32_t* rows = u.group_rows + group * u.rows;
    for (size_t i = 0; i < kPrefetchLines; ++i) fetch_from_cursor();
    for (size_t i = 0; i < u.n_group_rows[group]; ++i)
      add_row(a + rows[i] * u.lda, delta + rows[i] * u.ldd);
  } else {
    // This type makes GCC 12's loop faster: by a hundredth with AVX-512, by a tenth without.
    using Stride = std::conditional_t<kManyRegisters, const size_t&, const size_t>;
    Stride lda = u.lda, ldd = u.ldd;
    size_t m = 0, line = 0;
    for (; m + kRowsPerFetch <= u.rows; m += kRowsPerFetch, ++line) {
      if (line < kLines) fetch_next(line);
      if (line < kPrefetchLines) fetch_from_cursor();
#pragma GCC unroll 5
      for (size_t i = 0; i < kRowsPerFetch; ++i, a += lda, delta += ldd) add_row(a, delta);
    }
    for (; m < u.rows; ++m, a += lda, delta += ldd) add_row(a, delta);
    for (; line < kLines; ++line) fetch_next(line);  // if there are few rows
  }
#pragma GCC unroll 20
  for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (size_t v = 0; v < C; ++v) acc[r][v] = sum[r][v];
  }
}

// The optimizer's step on the weights of R inputs in C vectors of columns.
template <class O, size_t R, size_t C>
AEVB_INLINE void update_tile(const PanelUpdate& u, size_t input, size_t col) {
  if (u.group_rows != nullptr && u.n_group_rows[input / kInputGroup] == 0) {
    // Without a nonzero row the gradient is 0. So is the step, unless there is a prior or a
    // momentum.
    if (!O::has_momentum && u.rule->decay == 0.0f) return;
  }
  Vec acc[R][C];
  sum_rows<R, C>(u, input, col, acc);
  // Copies, since the compiler must assume that the stores below may change u.
  const PanelUpdate to = u;
  const UpdateRule rule = *u.rule;
  const size_t at = input * kPanel + col;
#pragma GCC unroll 20
  for (size_t r = 0; r < R; ++r) {
    const auto sum =
        make_pack<C>([&](size_t v) __attribute__((always_inline)) { return acc[r][v]; });
    O::step(rule, sum, at + r * kPanel, to.weight, to.state1, to.state2);
  }
}

// Inputs from `input` on, in tiles of R inputs. The rest goes into halves of a high tile, or into
// one tile of its height: few sums at a time would wait for themselves.
template <class O, size_t R, size_t C>
void update_columns(const PanelUpdate& u, size_t input, size_t col) {
  for (; input + R <= u.inputs.end; input += R) update_tile<O, R, C>(u, input, col);
  if constexpr (R > 1) update_columns<O, (R > 6 ? R / 2 : R - 1), C>(u, input, col);
}

// Inputs of a tile of C vectors if no row is skipped. Narrow tiles are higher, so that enough sums
// hide the latency of the FMAs.
constexpr size_t update_inputs(size_t C) {
  if (kManyRegisters) return C == 1 ? kInputBlock : C == 2 ? kInputBlock / 2 : kInputGroup;
  return C == 1 ? kInputBlock / 2 : 6;
}

// All columns of the panel: tiles of C vectors as long as they fit, then narrower tiles.
template <class O, size_t C = kUpdateVectors>
void update_panel(const PanelUpdate& u, size_t col = 0) {
  if constexpr (C > 0) {
    for (; col + (C - 1) * W < u.n_cols; col += C * W) {
      if (u.group_rows != nullptr) {
        update_columns<O, kInputGroup, C>(u, u.inputs.begin, col);
      } else {
        update_columns<O, update_inputs(C), C>(u, u.inputs.begin, col);
      }
    }
    update_panel<O, C - 1>(u, col);
  }
}

// Inputs of one pass over the panel's columns. Their columns of A stay in L1 for the next tiles. If
// one tile covers the whole panel, one pass takes all inputs.
inline constexpr size_t kPassInputs = kUpdateVectors * W < kPanel ? 3 * kInputBlock : SIZE_MAX;

template <class O>
void update_passes(const PanelUpdate& u) {
  PanelUpdate pass = u;
  for (size_t begin = u.inputs.begin; begin < u.inputs.end; begin = pass.inputs.end) {
    const size_t left = u.inputs.end - begin;
    pass.inputs = {begin, begin + (left < kPassInputs ? left : kPassInputs)};
    update_panel<O>(pass);
  }
}

// One function per optimizer.
template <class... O>
struct UpdateKernels {
  static constexpr void (*update[])(const PanelUpdate&) = {update_passes<O>...};
  static constexpr void (*step[])(const UpdateRule&, const float*, Range, float*, float*,
                                  float*) = {step_range<O>...};
};
template <class... O>
constexpr UpdateKernels<O...> update_kernels(List<O...>) {
  return {};
}

void update(const PanelUpdate& u) {
  decltype(update_kernels(Optimizers()))::update[u.rule->optimizer](u);
}

void optimize(const UpdateRule& rule, const float* sum, Range range, float* weight, float* state1,
              float* state2) {
  decltype(update_kernels(Optimizers()))::step[rule.optimizer](rule, sum, range, weight, state1,
                                                               state2);
}

void update_bias(const PanelUpdate& u) {
  alignas(kCacheLine) float sum[kPanel] = {};
  for (size_t m = 0; m < u.rows; ++m) {
    for (size_t c = 0; c < u.n_cols; c += W)
      store(sum + c, load(sum + c) + load(u.delta + m * u.ldd + c));
  }
  optimize(*u.rule, sum, {0, u.n_cols}, u.weight, u.state1, u.state2);
}

}  // namespace
}  // namespace aevb::AEVB_ISA
