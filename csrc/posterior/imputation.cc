#include "posterior/imputation.h"

#include <cmath>
#include <memory>
#include <numeric>

#include "engine/layers.h"
#include "inference/blocks.h"
#include "mcmc/hmc.h"
#include "mcmc/step_size.h"
#include "posterior/density.h"

namespace aevb {
namespace {

constexpr size_t kBlock = 100;      // rows that a thread works on at once
constexpr size_t kFillings = 5;     // of the missing values, to encode a row
constexpr size_t kStartSteps = 50;  // of the ascent from a start
constexpr float kFirstStep = 0.1f;  // of the ascent, in units of the prior's variance
constexpr float kFaster = 1.2f, kSlower = 0.5f;
constexpr size_t kLeapfrog = 5;
constexpr double kTargetAccept = 0.8;

void copy_matrix(ConstMatView from, MatView to) {
  for (size_t r = 0; r < from.rows; ++r)
    std::memcpy(to.row(r), from.row(r), from.cols * sizeof(float));
}

void copy_dense(ConstMatView from, float* to) {
  copy_matrix(from, {to, from.rows, from.cols, from.cols});
}

// One thread's work on a block of rows, as a team of one. It is the LogDensity log p(x_observed, u)
// of z's coordinates u, in which ascents and chains move.
class Imputer {
 public:
  Imputer(const Model& model, const TransposedDecoder& transposed, size_t most_rows,
          const Imputation& options)
      : model_(model),
        options_(options),
        coordinates_(coordinates_of(model)),
        ws_(model, most_rows, 1, true, 1, true),
        sum_(most_rows, model.config().n_visible()),
        drawn_(most_rows, model.config().n_visible()),
        starts_(options.n_starts, Matrix(most_rows, model.config().n_latent)),
        trajectory_(most_rows, model.config().n_latent),
        u_(most_rows, model.config().n_latent),
        gradient_(most_rows, model.config().n_latent),
        latent_(most_rows, model.config().n_latent),
        proposed_(most_rows, model.config().n_latent),
        uniform_(most_rows, kUniforms),
        log_joint_(most_rows),
        best_(most_rows),
        highest_(most_rows),
        ids_(most_rows),
        step_(most_rows),
        acceptance_(most_rows),
        n_divergent_(most_rows),
        log_ratio_(most_rows) {
    for (size_t i = outputs().begin; i < outputs().end; ++i)
      now_.emplace_back(most_rows, output(i).cols);
    step_sizes_.reserve(most_rows);
    ws_.transposed = &transposed;
  }

  // out begins at the block's first row. Returns early if data are out of range, or
  // after a cancellation.
  void run(const Table& table, size_t first, size_t n, float* out, Cancellation& cancellation,
           Member& member) {
    n_ = n;
    std::iota(ids_.begin(), ids_.begin() + static_cast<int64_t>(n), first);
    std::iota(ws_.index.begin(), ws_.index.begin() + static_cast<int64_t>(n),
              static_cast<int64_t>(first));
    if (!gather(pass(kObserved), table, NoiseBy::nothing, serial_)) return;
    if (!climb_starts(cancellation, member)) return;
    const bool mode = options_.by == ImputeBy::mode;
    if (!mode) begin_chain();
    for (size_t t = 1; t <= options_.n_iterations; ++t) {
      if (mode) {
        step_up();
      } else {
        iterate(t);
      }
      cancellation.add_done(static_cast<double>(n));
      if (!cancellation.may_continue(member)) return;
    }
    switch (options_.by) {
      case ImputeBy::mean:
        return take_mean(out);
      case ImputeBy::sample:
        return copy_dense(pass().x(), out);
      case ImputeBy::mode:
        decode(u_.view(n_));
        decoder_means(pass(), serial_);
        return copy_visible(pass(), {0, n_}, out, sum_.view().cols);
    }
  }

  const Workspace& workspace() const { return ws_; }

  // log p(x_observed, u) up to a constant per row, and its gradient.
  void operator()(ConstMatView u, double* log_p, MatView gradient) {
    const Pass observed = pass(kObserved);
    decode(u);
    output_likelihood(observed, serial_);
    backward_decoder(observed, serial_);
    backward_to_z(observed, serial_);
    for (size_t r = 0; r < n_; ++r) {
      const float* z = ws_.z().row(r);
      if (log_p != nullptr)
        log_p[r] = log_joint_of(observed, r, z) + coordinates_.log_volume(u.row(r), u.cols);
      std::copy_n(ws_.dz().row(r), u.cols, gradient.row(r));
      observed.prior.add_gradient(1.0f, z, u.cols, gradient.row(r));
      coordinates_.pull_back(u.row(r), z, u.cols, gradient.row(r));
    }
  }

 private:
  enum : size_t { kChain, kObserved };  // slots of x: missing values filled in, or NaN
  enum : size_t { kAccept, kFrom, kTo, kJump, kUniforms };  // uniform numbers of an iteration

  Pass pass(size_t slot = kChain) { return Pass(model_, ws_, n_, {options_.seed, t_}, slot); }

  // Keys all noise from now on by iteration t.
  void begin_iteration(size_t t) {
    t_ = t;
    for (size_t r = 0; r < n_; ++r) ws_.ids[r] = noise_id(t, ids_[r]);
  }
  NoiseRows noise(Purpose purpose, MatView out) {
    return noise_rows(options_.seed, stream(purpose, t_), ws_.ids.data(), n_, 1, out);
  }

  // Computes z and the raw outputs there, in the workspace.
  void decode(ConstMatView u) {
    for (size_t r = 0; r < u.rows; ++r) coordinates_.to_latent(u.row(r), u.cols, ws_.z().row(r));
    decode_latent();
  }
  void decode_latent() {
    decode_hidden(pass(), serial_);
    decode_outputs(pass(), serial_);
  }

  void to_coordinates(ConstMatView z, MatView u) {
    for (size_t r = 0; r < n_; ++r)
      coordinates_.from_latent(z.row(r), z.cols, options_.seed, ws_.ids[r], u.row(r));
  }

  Range outputs() const { return model_.network().outputs; }
  // An output layer's raw outputs, or what has replaced them.
  MatView output(size_t layer) { return pass().activation(model_.network().layers[layer].output); }

  // Climbs from each start of a row, and leaves the highest end in u_. False after a cancellation.
  bool climb_starts(Cancellation& cancellation, Member& member) {
    const MatView u = u_.view(n_);
    for (size_t s = 0; s < options_.n_starts; ++s) {
      begin_iteration(s == 0 ? 0 : kMostIterations + s);  // no iteration of a chain has this noise
      if (s == 0) {
        encode_filled(u);
      } else {
        pass().prior.draw(noise(Purpose::imputed_latent, ws_.z().block(0, n_)));
        to_coordinates(ws_.z(), u);
      }
      begin_ascent();
      for (size_t t = 0; t < kStartSteps; ++t) step_up();
      copy_matrix(u, starts_[s].view());
      for (size_t r = 0; r < n_; ++r) {
        if (s > 0 && !(log_joint_[r] > highest_[r]) && !std::isnan(highest_[r])) continue;
        best_[r] = s;
        highest_[r] = log_joint_[r];
      }
      cancellation.add_done(static_cast<double>(n_));
      if (!cancellation.may_continue(member)) return false;
    }
    for (size_t r = 0; r < n_; ++r) detail::copy_row(u, starts_[best_[r]].view(), r);
    begin_ascent();
    return true;
  }

  // The encoder's mean of a row whose missing values are the decoder's means, first at u = 0, then
  // at the encoder's last mean.
  void encode_filled(MatView u) {
    for (size_t r = 0; r < n_; ++r) std::fill_n(u.row(r), u.cols, 0.0f);
    for (size_t i = 0; i < kFillings; ++i) {
      decode(u);
      decoder_means(pass(), serial_);
      fill_from_outputs();
      encode_hidden(pass(), serial_);
      encode_heads(pass(), serial_);
      encode_moments(pass(), {0, n_}, ws_.z(), trajectory_.z.view());
      to_coordinates(ws_.z(), u);
    }
  }

  void begin_ascent() {
    (*this)(u_.view(n_), log_joint_.data(), gradient_.view());
    std::fill_n(step_.begin(), n_, kFirstStep);
  }

  // One step, kept in the rows whose density it increases.
  void step_up() {
    const MatView u = u_.view(n_), g = gradient_.view(n_);
    const MatView at = trajectory_.z.view(n_), slope = trajectory_.gradient.view(n_);
    copy_matrix(u, at);
    detail::add_scaled(at, g, step_.data(), 1.0f);
    (*this)(at, trajectory_.log_p.data(), slope);
    for (size_t r = 0; r < n_; ++r) {
      const bool higher = trajectory_.log_p[r] > log_joint_[r];
      step_[r] *= higher ? kFaster : kSlower;
      if (!higher) continue;
      log_joint_[r] = trajectory_.log_p[r];
      detail::copy_row(u, at, r);
      detail::copy_row(g, slope, r);
    }
  }

  void begin_chain() {
    copy_matrix(pass(kObserved).x(), pass().x());
    step_sizes_.assign(n_, StepSize(Adaptation::dual_averaging, kTargetAccept, kFirstStep));
    std::fill_n(step_.begin(), n_, kFirstStep);
    for (size_t r = 0; r < n_; ++r)
      std::fill_n(sum_.view().row(r), model_.config().n_visible(), 0.0f);
  }

  void iterate(size_t t) {
    const bool tuning = t <= options_.n_iterations / 2;
    const ChainRows chains = {u_.view(n_), gradient_.view(n_), log_joint_.data(), ids_.data()};
    hmc_transition(kernels(), *this, chains, trajectory_, step_.data(), kLeapfrog, options_.seed, t,
                   acceptance_.data(), n_divergent_.data());
    for (size_t r = 0; tuning && r < n_; ++r) {
      step_sizes_[r].adapt(acceptance_[r]);
      if (t == options_.n_iterations / 2) step_sizes_[r].freeze();
      step_[r] = static_cast<float>(step_sizes_[r].value());
    }
    begin_iteration(t);
    kernels().uniform(noise(Purpose::imputed_accept, uniform_.view(n_)));
    jump();
    draw_missing(!tuning);
    propose();
    accept();
    (*this)(chains.z, chains.log_p, chains.gradient);
  }

  // A Metropolis test of u + (end - other end), for two ends of the row's ascents. The chance of a
  // pair is that of its reverse, so the proposal is symmetric.
  void jump() {
    const MatView u = u_.view(n_), to = trajectory_.z.view(n_);
    const auto n_starts = static_cast<float>(options_.n_starts);
    for (size_t r = 0; r < n_; ++r) {
      const float* uniform = uniform_.view().row(r);
      const float* from = starts_[static_cast<size_t>(uniform[kFrom] * n_starts)].view().row(r);
      const float* end = starts_[static_cast<size_t>(uniform[kTo] * n_starts)].view().row(r);
      for (size_t j = 0; j < u.cols; ++j) to.row(r)[j] = u.row(r)[j] + (end[j] - from[j]);
    }
    (*this)(to, trajectory_.log_p.data(), trajectory_.gradient.view());
    for (size_t r = 0; r < n_; ++r) {
      const auto uniform = static_cast<double>(uniform_.view().row(r)[kJump]);
      if (std::log(uniform) < trajectory_.log_p[r] - log_joint_[r]) detail::copy_row(u, to, r);
    }
  }

  // Draws the missing part of x ~ p(x|z). With `count` it adds the means of p(x|z) to the sum.
  // Leaves the raw outputs at z in now_.
  void draw_missing(bool count) {
    decode(u_.view(n_));
    copy_matrix(ws_.z().block(0, n_), latent_.view());
    keep_outputs();
    const Pass now = pass();
    const MatView drawn = drawn_.view(n_);
    decoder_means(now, serial_);
    if (count) {
      copy_visible(now, {0, n_}, drawn.data, drawn.stride);
      for (size_t r = 0; r < n_; ++r) {
        for (size_t c = 0; c < drawn.cols; ++c) sum_.view().row(r)[c] += drawn.row(r)[c];
      }
    }
    draw_visible(now, Purpose::imputed_visible, serial_);
    fill_from_outputs();
  }

  // Fills the missing values of x with means or draws that stand in the place of the outputs.
  void fill_from_outputs() {
    const Pass now = pass();
    const MatView drawn = drawn_.view(n_), x = now.x();
    copy_visible(now, {0, n_}, drawn.data, drawn.stride);
    copy_matrix(pass(kObserved).x(), x);  // a draw has overwritten it
    for (size_t r = 0; r < n_; ++r) {
      for (size_t c = 0; c < x.cols; ++c) {
        if (std::isnan(x.row(r)[c])) x.row(r)[c] = drawn.row(r)[c];
      }
    }
    read_inputs(now, {0, n_});
  }

  // Draws z ~ q(z|x) into the workspace, with its raw outputs.
  void propose() {
    encode_hidden(pass(), serial_);
    encode_heads(pass(), serial_);
    const Pass now = pass();
    latent_noise(now, noise(Purpose::imputed_latent, ws_.eps.view()));
    now.posterior.sample(latent_rows(now, {0, n_}));
    decode_latent();
  }

  // The Metropolis test of the proposal for p(z|x).
  void accept() {
    std::fill_n(log_ratio_.begin(), n_, 0.0);
    weigh(1.0);
    copy_matrix(ws_.z().block(0, n_), proposed_.view());
    copy_matrix(latent_.view(n_), ws_.z());
    put_outputs_back();
    weigh(-1.0);
    const size_t n_latent = u_.view().cols;
    for (size_t r = 0; r < n_; ++r) {
      if (std::log(static_cast<double>(uniform_.view().row(r)[kAccept])) < log_ratio_[r]) {
        float* u = u_.view().row(r);
        coordinates_.from_latent(proposed_.view().row(r), n_latent, coordinates_.sum(u, n_latent),
                                 u);
      }
    }
  }

  // Adds sign * [log p(x, z) - log q(z|x)] to log_ratio_. The workspace has z and the raw outputs
  // there, which are lost.
  void weigh(double sign) {
    const Pass now = pass();
    output_likelihood(now, serial_);
    const LatentRows latent = latent_rows(now, {0, n_});
    now.posterior.log_density(latent);
    for (size_t r = 0; r < n_; ++r) {
      const auto log_q = static_cast<double>(latent.draw_term[r]);
      log_ratio_[r] += sign * (log_joint_of(now, r, ws_.z().row(r)) - log_q);
    }
  }

  void take_mean(float* out) {
    const MatView sum = sum_.view(n_);
    const auto n_counted = static_cast<float>(options_.n_iterations - options_.n_iterations / 2);
    for (size_t r = 0; r < n_; ++r) {
      for (size_t c = 0; c < sum.cols; ++c) sum.row(r)[c] /= n_counted;
    }
    copy_dense(sum, out);
  }

  void keep_outputs() {
    for (size_t i = 0; i < now_.size(); ++i)
      copy_matrix(output(outputs().begin + i), now_[i].view());
  }
  void put_outputs_back() {
    for (size_t i = 0; i < now_.size(); ++i)
      copy_matrix(now_[i].view(n_), output(outputs().begin + i));
  }

  const Model& model_;
  const Imputation& options_;
  Coordinates coordinates_;
  Workspace ws_;
  Matrix sum_, drawn_;          // (rows, D): the sum of means; draws of x, or their means
  std::vector<Matrix> starts_;  // (rows, J) each: where the ascents from the starts end
  Trajectory trajectory_;       // also the ascent's next step, or a jump
  Matrix u_, gradient_;         // (rows, J)
  Matrix latent_, proposed_;    // (rows, J): z of u_, and a draw of q(z|x)
  Matrix uniform_;
  std::vector<double> log_joint_;
  std::vector<size_t> best_;     // the start with the highest end
  std::vector<double> highest_;  // log p(x_observed, z) there
  std::vector<uint64_t> ids_;
  std::vector<float> step_;  // of the ascent, then of HMC
  std::vector<StepSize> step_sizes_;
  std::vector<double> acceptance_;
  std::vector<uint32_t> n_divergent_;
  std::vector<double> log_ratio_;  // of the proposal
  std::vector<Matrix> now_;        // raw outputs at u_
  SerialTeam serial_;
  size_t n_ = 0;
  size_t t_ = 0;  // iteration
};

}  // namespace

void impute(const Model& model, const Table& table, const Imputation& options, float* out,
            int n_threads, Cancellation& cancellation) {
  const size_t n_visible = model.config().n_visible();
  const size_t block = std::min(kBlock, table.n_rows());
  const size_t n_blocks = ceil_div(table.n_rows(), block);
  const size_t team = std::min(n_blocks, static_cast<size_t>(n_threads));
  TransposedDecoder transposed(model);
  transposed.make(kernels(), model.weights());
  std::vector<std::unique_ptr<Imputer>> imputers;
  for (size_t i = 0; i < team; ++i)
    imputers.push_back(std::make_unique<Imputer>(model, transposed, block, options));
  cancellation.expect_work(static_cast<double>(table.n_rows()) *
                           static_cast<double>(options.n_starts + options.n_iterations));
  run_tasks(static_cast<int>(team), n_blocks, cancellation, [&](Member& member, size_t b) {
    const size_t first = b * block;
    const size_t n = std::min(block, table.n_rows() - first);
    imputers[member.rank()]->run(table, first, n, out + first * n_visible, cancellation, member);
  });
  for (const auto& imputer : imputers) check_range(imputer->workspace(), table);
}

}  // namespace aevb
