#include "posterior/density.h"

#include <memory>

#include "engine/layers.h"

namespace aevb {

PosteriorDensity::PosteriorDensity(const Model& model, const TransposedDecoder& transposed,
                                   size_t most_rows, bool holes, size_t n_draws)
    : model_(model),
      coordinates_(coordinates_of(model)),
      ws_(model, most_rows, n_draws, true, 1, holes) {
  ws_.transposed = &transposed;
}

void PosteriorDensity::set_rows(const Table& table, const int64_t* index, size_t n,
                                const PixelNoise& noise) {
  n_ = n;
  std::copy_n(index, n, ws_.index.begin());
  if (noise.by == NoiseBy::id) std::copy_n(noise.ids, n, ws_.ids.begin());
  gather(Pass(model_, ws_, n, {noise.seed}), table, noise.by, serial_);
}

const uint64_t* PosteriorDensity::content_ids() {
  const MatView x = pass().x();
  for (size_t r = 0; r < n_; ++r) ws_.ids[r] = content_id(x.row(r), x.cols);
  return ws_.ids.data();
}

void PosteriorDensity::encode() {
  encode_hidden(pass(), serial_);
  encode_heads(pass(), serial_);
}

void PosteriorDensity::moments(MatView mean, MatView deviation) {
  encode_moments(pass(), {0, n_}, mean, deviation);
}

ConstMatView PosteriorDensity::draw_encoded(uint64_t seed, const uint64_t* ids) {
  const Pass pass = this->pass();
  latent_noise(pass,
               noise_rows(seed, stream(Purpose::annealed), ids, pass.drawn(), 1, ws_.eps.view()));
  pass.posterior.sample(latent_rows(pass, {0, n_}));
  return ws_.z().block(0, pass.drawn());
}

const float* PosteriorDensity::encoded_density(MatView gradient) {
  LatentRows latent = latent_rows(pass(), {0, n_});
  latent.dz = gradient.data;
  pass().posterior.log_density(latent);
  return latent.draw_term;
}

void PosteriorDensity::operator()(ConstMatView u, double* log_p, MatView gradient) {
  const Pass pass = this->pass();
  for (size_t i = 0; i < pass.drawn(); ++i)
    coordinates_.to_latent(u.row(i), u.cols, ws_.z().row(i));
  decode_hidden(pass, serial_);
  decode_likelihood(pass, serial_, log_p != nullptr);
  backward_decoder(pass, serial_);
  backward_to_z(pass, serial_);
  const float n_averaged = pass.n_averaged();
  for (size_t i = 0; i < pass.drawn(); ++i) {
    const float* dz = ws_.dz().row(i);
    const float* z = ws_.z().row(i);
    float* g = gradient.row(i);
    for (size_t j = 0; j < u.cols; ++j) g[j] = n_averaged * dz[j];
    pass.prior.add_gradient(1.0f, z, u.cols, g);
    coordinates_.pull_back(u.row(i), z, u.cols, g);
    if (log_p != nullptr)
      log_p[i] = log_joint_of(pass, i, z) + coordinates_.log_volume(u.row(i), u.cols);
  }
}

double log_joint_of(const Pass& pass, size_t drawn_row, const float* z) {
  const size_t n = pass.model.config().n_latent;
  const double start = pass.prior.log_constant(n) + pass.log_jacobian(drawn_row / pass.ws.n_draws);
  return pass.prior.add_log_kernel(log_likelihood(pass, drawn_row, start), z, n);
}

void content_ids(const Model& model, const Table& table, const int64_t* index, size_t n,
                 uint64_t* out) {
  constexpr size_t kRowsTogether = 100;
  Workspace ws(model, std::min(n, kRowsTogether), 1, false, 1, table.x.holes);
  SerialTeam serial;
  for (size_t first = 0; first < n; first += kRowsTogether) {
    const Pass pass(model, ws, std::min(kRowsTogether, n - first), {0});
    std::copy_n(index + first, pass.rows, ws.index.begin());
    gather(pass, table, NoiseBy::nothing, serial);
    for (size_t r = 0; r < pass.rows; ++r)
      out[first + r] = content_id(pass.x().row(r), pass.x().cols);
  }
}

void log_joint(const Model& model, const Table& table, const float* u, size_t n_draws, double* out,
               int n_threads, Cancellation& cancellation) {
  constexpr size_t kBlock = 100;
  const size_t n_latent = model.config().n_latent;
  const size_t block = std::min(kBlock, table.n_rows());
  const size_t n_blocks = ceil_div(table.n_rows(), block);
  const size_t team = std::min(n_blocks, static_cast<size_t>(n_threads));
  TransposedDecoder transposed(model);
  transposed.make(kernels(), model.weights());
  std::vector<std::unique_ptr<PosteriorDensity>> densities;
  for (size_t i = 0; i < team; ++i)
    densities.push_back(
        std::make_unique<PosteriorDensity>(model, transposed, block, table.x.holes));
  std::vector<Matrix> gradients(team, Matrix(block, n_latent));
  std::vector<int64_t> index(table.n_rows());
  std::iota(index.begin(), index.end(), int64_t{0});
  cancellation.expect_work(static_cast<double>(table.n_rows()) * static_cast<double>(n_draws));
  run_tasks(static_cast<int>(team), n_blocks, cancellation, [&](Member& member, size_t b) {
    PosteriorDensity& density = *densities[member.rank()];
    const size_t first = b * block;
    const size_t n = std::min(block, table.n_rows() - first);
    density.set_rows(table, index.data() + first, n);
    for (size_t l = 0; l < n_draws && cancellation.may_continue(member); ++l) {
      const size_t at = l * table.n_rows() + first;
      density({u + at * n_latent, n, n_latent, n_latent}, out + at,
              gradients[member.rank()].view());
      cancellation.add_done(static_cast<double>(n));
    }
  });
}

}  // namespace aevb
