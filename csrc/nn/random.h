// Random streams: one per purpose, and the order of rows in an epoch. Everything is a function of
// counters, so any part can be drawn again, in any order, by any thread.
#pragma once

#include "kernels/kernels.h"

namespace aevb {

// The streams of one seed. Results depend on the values, so they never change.
enum class Purpose : uint32_t {
  init = 1,
  latent = 2,
  binarize = 3,
  prior = 4,
  visible = 5,
  split = 6,
  epoch = 7,
  momentum = 8,
  accept = 9,
  dream_latent = 10,
  dream_visible = 11,
  annealed = 12,
  chosen = 13,
  imputed_latent = 14,
  imputed_visible = 15,
  imputed_accept = 16,
  weights = 17,        // of a training step
  drawn_weights = 18,  // of a draw after training
  coordinate = 20,
  predicted_choice = 21,
  predicted_spread = 22,
  predicted_visible = 23,
  predicted_prior = 24,
  predicted_latent = 25
};

// The last word of the noise counter: the purpose and the high bits of the step.
inline uint32_t stream(Purpose purpose, uint64_t step = 0) {
  return static_cast<uint32_t>(purpose) << 24 | static_cast<uint32_t>(step >> 32 & 0xffffff);
}

// The middle words of the noise counter for a row of a training step.
inline uint64_t noise_id(uint64_t step, size_t row) {
  return step << 32 | static_cast<uint32_t>(row);
}

// The noise of `rows` rows of n_draws draws each, into `out` (its row count is not read).
inline NoiseRows noise_rows(uint64_t seed, uint32_t stream, const uint64_t* ids, size_t rows,
                            size_t n_draws, MatView out) {
  return {.key = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
          .stream = stream,
          .ids = ids,
          .rows = rows,
          .n_draws = n_draws,
          .n_cols = out.cols,
          .out = out.data,
          .ld = out.stride};
}

// The finaliser of MurmurHash3, a bijection of 64-bit words.
inline uint64_t mix64(uint64_t x) {
  x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
  return x ^ x >> 33;
}

// The noise id of a row by its content: the same row has the same value at any place in any batch.
// Adding 0 makes -0 a 0, as a sparse matrix does not keep a -0. `row` is padded with zeros to whole
// cache lines. Four independent chains hide the multiplier's latency.
inline uint64_t content_id(const float* row, size_t n_cols) {
  uint64_t h[4] = {1, 2, 3, 4};
  for (size_t i = 0; i < round_up(n_cols, kLineFloats); i += 8) {
    float values[8];
    for (size_t k = 0; k < 8; ++k) values[k] = row[i + k] + 0.0f;
    uint64_t word[4];
    std::memcpy(word, values, sizeof word);
    for (size_t lane = 0; lane < 4; ++lane) {
      h[lane] = (h[lane] ^ word[lane]) * 0x9e3779b97f4a7c15ULL;
      h[lane] ^= h[lane] >> 29;
    }
  }
  return mix64(mix64(h[0]) + mix64(h[1] + 1) + mix64(h[2] + 2) + mix64(h[3] + 3) + n_cols);
}

// A pseudo-random permutation of 0 .. n - 1 without a table. A Feistel network permutes the numbers
// below the next even power of two, and is applied again until the result is below n (Mitchell,
// Stokes, Frank, Holmes 2022, "Bandwidth-optimal random shuffling for GPUs").
class Permutation {
 public:
  Permutation(uint64_t seed, Purpose purpose, uint64_t index, size_t n) : n_(n) {
    while (half_bits_ < 31 && (uint64_t{1} << 2 * half_bits_) < n) ++half_bits_;
    uint64_t state = mix64(seed + 0x9e3779b97f4a7c15ULL) ^
                     mix64(index * 0xd1342543de82ef95ULL + static_cast<uint64_t>(purpose));
    for (uint64_t& key : keys_) key = mix64(state += 0x9e3779b97f4a7c15ULL);
  }

  // Replaces each of the n positions by its image. One round applies the network to all positions
  // that are not yet below n. The steps of one position wait for each other, those of several
  // positions do not.
  void apply(int64_t* position, size_t n) const {
    constexpr size_t kWalksTogether = 64;
    for (size_t first = 0; first < n; first += kWalksTogether) {
      int64_t* at = position + first;
      size_t walking[kWalksTogether];
      size_t n_walking = n - first < kWalksTogether ? n - first : kWalksTogether;
      for (size_t i = 0; i < n_walking; ++i) walking[i] = i;
      while (n_walking > 0) {
        size_t left = 0;
        for (size_t i = 0; i < n_walking; ++i) {
          const size_t which = walking[i];
          const uint64_t image = encipher(static_cast<uint64_t>(at[which]));
          at[which] = static_cast<int64_t>(image);
          walking[left] = which;
          left += image >= n_;
        }
        n_walking = left;
      }
    }
  }

 private:
  static constexpr int kRounds = 8;
  uint64_t encipher(uint64_t i) const {
    const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
    uint64_t left = i >> half_bits_;
    uint64_t right = i & mask;
    for (const uint64_t key : keys_) {
      const uint64_t product = (right ^ key) * 0xff51afd7ed558ccdULL;
      const uint64_t next = left ^ ((product ^ product >> 31) >> 17 & mask);
      left = right;
      right = next;
    }
    return left << half_bits_ | right;
  }

  size_t n_;
  unsigned half_bits_ = 1;
  uint64_t keys_[kRounds];
};

}  // namespace aevb
