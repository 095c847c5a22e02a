#include "inference/prediction.h"

#include <vector>

#include "engine/layers.h"
#include "inference/blocks.h"
#include "inference/defensive.h"
#include "inference/generate.h"
#include "inference/log_weights.h"

namespace aevb {
namespace {

constexpr size_t kDrawsTogether = 50;  // draws of a row in one pass; results depend on it
constexpr size_t kFewer = 4;           // a round of adaptation has fewer draws by this factor

// The noise id of one draw of x of a row.
uint64_t draw_id(uint64_t row_id, size_t draw) {
  return mix64(row_id + (draw + 1) * 0x9e3779b97f4a7c15ULL);
}

// The moments of x under the weighted draws of one row. All sums are relative to the largest
// weight.
class Moments {
 public:
  Moments(size_t n_means, size_t n_deviations)
      : sum_(n_means), squares_(n_deviations), residues_(n_deviations) {}

  void clear() { shrink(0.0); }
  void shrink(double factor) {
    for (std::vector<double>* sums : {&sum_, &squares_, &residues_}) {
      for (double& value : *sums) value *= factor;
    }
  }

  void add(double weight, const float* mean) {
    for (size_t c = 0; c < sum_.size(); ++c) sum_[c] += weight * double{mean[c]};
  }
  // The same, and the spread: of the means, and of a draw around its mean.
  void add(double weight, const float* mean, const float* draw) {
    add(weight, mean);
    for (size_t c = 0; c < sum_.size(); ++c) {
      const double residue = double{draw[c]} - double{mean[c]};
      squares_[c] += weight * double{mean[c]} * double{mean[c]};
      residues_[c] += weight * residue * residue;
    }
  }

  void write_mean(double total, float* out) const {
    for (size_t c = 0; c < sum_.size(); ++c) out[c] = static_cast<float>(sum_[c] / total);
  }
  void write_deviation(double total, float* out) const {
    for (size_t c = 0; c < sum_.size(); ++c) {
      const double mean = sum_[c] / total;
      // A difference of roundings may be below 0, but NaN stays NaN.
      const double of_means = squares_[c] / total - mean * mean;
      out[c] =
          static_cast<float>(std::sqrt((of_means < 0.0 ? 0.0 : of_means) + residues_[c] / total));
    }
  }

 private:
  std::vector<double> sum_, squares_, residues_;
};

// The work on all rows, block by block; every thread of a team calls it.
class Predictor {
 public:
  Predictor(const Model& model, const Table& table, const uint64_t* ids, const Prediction& options,
            const PredictedRows& out, size_t block, int team)
      : model_(model),
        table_(table),
        ids_(ids),
        options_(options),
        out_(out),
        n_draws_(std::min(options.n_draws, kDrawsTogether)),
        n_adaptations_(is_real(model) ? options.n_adaptations : 0),
        n_fitted_(ceil_div(options.n_draws, kFewer)),
        ws_(model, block, n_draws_, false, team, table.x.holes),
        proposals_(model, block, n_draws_, n_adaptations_ > 0),
        weights_(block),
        moments_(block, Moments(out.mean == nullptr ? 0 : n_visible(),
                                out.deviation == nullptr ? 0 : n_visible())),
        means_(out.mean == nullptr ? 0 : block * n_draws_, n_visible()),
        draws_(draws_x() ? block * n_draws_ : 0, n_visible()),
        noise_(draws_x() ? block * n_draws_ : 0, n_visible()),
        draw_ids_(block * n_draws_),
        chosen_(block * options.n_samples, model.config().n_latent),
        uniform_(static_cast<size_t>(team) * n_draws_ * options.n_samples) {}

  size_t n_passes() const {
    return n_adaptations_ * ceil_div(n_fitted_, n_draws_) + ceil_div(options_.n_draws, n_draws_) +
           ceil_div(options_.n_samples, n_draws_);
  }
  const Workspace& workspace() const { return ws_; }

  // False, on every thread, after a cancellation or if data are out of range.
  bool run(size_t first, size_t n, Cancellation& cancellation, Member& member) {
    const Range mine = share_rows(member, n);
    for (size_t r = mine.begin; r < mine.end; ++r) {
      ws_.index[r] = static_cast<int64_t>(first + r);
      weights_[r] = {};
      moments_[r].clear();
    }
    if (!gather(pass(n, 0), table_, NoiseBy::nothing, member)) return false;
    for (size_t r = mine.begin; r < mine.end; ++r) ws_.ids[r] = ids_[first + r];
    encode_hidden(pass(n, 0), member);
    size_t i = 0;  // counts the passes
    for (size_t round = 0; round <= n_adaptations_; ++round) {
      const bool counts = round == n_adaptations_;
      DefensiveProposals::Draws draws = {0, counts ? options_.n_draws : n_fitted_, round > 0};
      for (; draws.first < draws.n; draws.first += n_draws_, ++i) {
        const Pass now = pass(n, i);
        draw_noise(now, member);
        encode_and_sample(now, member);
        proposals_.draw(now, mine, draws);
        if (!goes_on(cancellation, n, member)) return false;
        weigh(now, draws, counts, member);
      }
      if (!counts) proposals_.fit(pass(n, i), mine);
    }
    write(first, mine);
    for (size_t s = 0; s < options_.n_samples; s += n_draws_) {
      take_chosen(s, mine);
      if (!goes_on(cancellation, n, member)) return false;
      sample(first, n, s, member);
    }
    // The next block may give these rows to other threads.
    member.barrier();
    return true;
  }

 private:
  // The i-th pass over a block of n rows.
  Pass pass(size_t n, size_t i) {
    return Pass(model_, ws_, n, {options_.seed, static_cast<uint64_t>(i) << 32});
  }
  size_t n_visible() const { return model_.config().n_visible(); }
  bool draws_x() const { return out_.deviation != nullptr || options_.n_samples > 0; }
  static bool is_real(const Model& model) {
    return kernels().posteriors[model.config().posterior].info.support == LatentSupport::real;
  }

  // Ends with a barrier. False, on every thread, after a cancellation.
  bool goes_on(Cancellation& cancellation, size_t n, Member& member) {
    if (member.rank() == 0) {
      stop_ = !cancellation.may_continue(member);
      cancellation.add_done(static_cast<double>(n));
    }
    member.barrier();
    return !stop_;
  }

  // Adds the draws of a pass, whose z are there: to the results, or to the fits of the proposals.
  void weigh(const Pass& now, const DefensiveProposals::Draws& draws, bool counts, Member& member) {
    const Range mine = share_rows(member, now.rows);
    const size_t n = std::min(n_draws_, draws.n - draws.first);
    decode_hidden(now, member);
    decode_likelihood(now, member);
    sum_bound(now, member);
    for (size_t r = mine.begin; r < mine.end; ++r)
      counts ? add_weights(now, r, n, member) : add_to_fit(r, n);
    if (!counts || out_.mean == nullptr) return;
    decode_outputs(now, member);  // again: the likelihood has replaced them by its gradient
    decoder_means(now, member);
    const Range drawn = draws_of(now, mine);
    copy_visible(now, drawn, means_.view().row(drawn.begin), means_.view().stride);
    if (out_.deviation != nullptr) draw_x(now, mine, Purpose::predicted_spread, draws.first);
    for (size_t r = mine.begin; r < mine.end; ++r) add_moments(r, n);
  }

  void add_to_fit(size_t r, size_t n) {
    for (size_t i = r * n_draws_; i < r * n_draws_ + n; ++i)
      proposals_.add(r, static_cast<double>(ws_.f[i]), ws_.z().row(i));
  }

  // Adds the first n weights of a row, and lets each of its samples choose among these draws.
  void add_weights(const Pass& now, size_t r, size_t n, const Member& member) {
    LogWeights& weights = weights_[r];
    const size_t n_samples = options_.n_samples;
    float* uniform = uniform_.data() + member.rank() * n_draws_ * n_samples;
    if (n_samples > 0) {
      now.k.uniform(noise_rows(now.noise.seed, stream(Purpose::predicted_choice, now.noise.step),
                               ws_.ids.data() + r, 1, n_draws_,
                               {uniform, 0, n_samples, n_samples}));
    }
    const double before = weights.largest();
    for (size_t l = 0; l < n; ++l) {
      const auto log_weight = static_cast<double>(ws_.f[r * n_draws_ + l]);
      weights.add(log_weight);
      choose(r, l, std::exp(log_weight - weights.largest()) / weights.relative_sum(),
             uniform + l * n_samples);
    }
    if (weights.largest() > before) moments_[r].shrink(std::exp(before - weights.largest()));
  }

  // Each sample takes draw l with this probability, its share of the weights so far. In the end a
  // sample has each draw with the draw's share of all weights.
  void choose(size_t r, size_t l, double probability, const float* uniform) {
    constexpr double kHalf = 0x1p-25;  // the uniform numbers are multiples of 2^-24, from 0 on
    const MatView chosen = chosen_.view();
    for (size_t s = 0; s < options_.n_samples; ++s) {
      if (double{uniform[s]} + kHalf < probability)
        std::memcpy(chosen.row(r * options_.n_samples + s), ws_.z().row(r * n_draws_ + l),
                    chosen.cols * sizeof(float));
    }
  }

  // Adds the moments of a row's first n draws, after their weights.
  void add_moments(size_t r, size_t n) {
    for (size_t i = r * n_draws_; i < r * n_draws_ + n; ++i) {
      const double weight = std::exp(static_cast<double>(ws_.f[i]) - weights_[r].largest());
      const float* mean = means_.view().row(i);
      if (!(weight > 0.0)) continue;  // also if all weights were 0
      out_.deviation == nullptr ? moments_[r].add(weight, mean)
                                : moments_[r].add(weight, mean, draws_.view().row(i));
    }
  }

  // Draws of x, for all draws of these rows, from the means that stand in place of the outputs.
  void draw_x(const Pass& now, Range rows, Purpose purpose, size_t first_draw) {
    const Range drawn = draws_of(now, rows);
    for (size_t i = drawn.begin; i < drawn.end; ++i)
      draw_ids_[i] = draw_id(ws_.ids[i / n_draws_], first_draw + i % n_draws_);
    draw_rows(now, drawn, stream(purpose), draw_ids_.data() + drawn.begin,
              noise_.view().block(drawn.begin, drawn.size()));
    copy_visible(now, drawn, draws_.view().row(drawn.begin), draws_.view().stride);
  }

  void write(size_t first, Range rows) const {
    for (size_t r = rows.begin; r < rows.end; ++r) {
      const double total = weights_[r].relative_sum();
      out_.n_effective[first + r] = weights_[r].n_effective();
      const size_t start = (first + r) * n_visible();
      if (out_.mean != nullptr) moments_[r].write_mean(total, out_.mean + start);
      if (out_.deviation != nullptr) moments_[r].write_deviation(total, out_.deviation + start);
    }
  }

  // Puts the z of samples from s on in the place of the draws. If there are fewer samples, the last
  // one fills the rest.
  void take_chosen(size_t s, Range rows) {
    const MatView chosen = chosen_.view();
    for (size_t i = rows.begin * n_draws_; i < rows.end * n_draws_; ++i) {
      const size_t sample = std::min(s + i % n_draws_, options_.n_samples - 1);
      std::memcpy(ws_.z().row(i), chosen.row(i / n_draws_ * options_.n_samples + sample),
                  chosen.cols * sizeof(float));
    }
  }

  // Draws x at these z, and writes it.
  void sample(size_t first, size_t n, size_t s, Member& member) {
    const Pass now = pass(n, 0);
    const Range mine = share_rows(member, n);
    decode_hidden(now, member);
    decode_outputs(now, member);
    decoder_means(now, member);
    draw_x(now, mine, Purpose::predicted_visible, s);
    const size_t n_taken = std::min(n_draws_, options_.n_samples - s);
    for (size_t r = mine.begin; r < mine.end; ++r) {
      for (size_t l = 0; l < n_taken; ++l) {
        std::memcpy(out_.samples + ((s + l) * table_.n_rows() + first + r) * n_visible(),
                    draws_.view().row(r * n_draws_ + l), n_visible() * sizeof(float));
      }
    }
  }

  const Model& model_;
  const Table& table_;
  const uint64_t* ids_;
  const Prediction& options_;
  const PredictedRows& out_;
  size_t n_draws_;        // in one pass
  size_t n_adaptations_;  // rounds of n_fitted_ draws each
  size_t n_fitted_;
  Workspace ws_;
  DefensiveProposals proposals_;
  std::vector<LogWeights> weights_;  // of each row of a block
  std::vector<Moments> moments_;
  Matrix means_, draws_, noise_;  // (rows * draws, D): E[x|z], draws of x, their noise
  std::vector<uint64_t> draw_ids_;
  Matrix chosen_;               // (rows * samples, J): z of each sample
  std::vector<float> uniform_;  // (threads, draws, samples)
  bool stop_ = false;           // thread 0 writes it before a barrier, all read it after that
};

}  // namespace

void predict(const Model& model, const Table& table, const uint64_t* ids, const Prediction& options,
             const PredictedRows& out, int n_threads, Cancellation& cancellation) {
  const size_t draws = std::min(options.n_draws, kDrawsTogether);
  // The decoder runs over every block many times, so its activations should stay in L2.
  const size_t block = block_rows(model, draws, table.n_rows(), size_t{2} << 20);
  const int team = team_size(model, block, draws, n_threads);
  Predictor predictor(model, table, ids, options, out, block, team);
  cancellation.expect_work(static_cast<double>(table.n_rows()) *
                           static_cast<double>(predictor.n_passes()));
  run_team(team, [&](Member& member) {
    for_row_blocks(table.n_rows(), block, [&](size_t first, size_t n) {
      return predictor.run(first, n, cancellation, member);
    });
  });
  cancellation.rethrow();
  check_range(predictor.workspace(), table);
}

}  // namespace aevb
