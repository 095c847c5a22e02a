#include "posterior/density.h"

#include <memory>
#include <numeric>

namespace aevb {
namespace {

// Runs f(Member&) on this thread alone.
template <class F>
void serial(F f) {
  SerialTeam member;
  f(member);
}

}  // namespace

PosteriorDensity::PosteriorDensity(const Model& model, size_t most_rows, size_t n_draws)
    : model_(model), ws_(model, most_rows, n_draws, true, 1) {
  ws_.keep_transposed(model);
  take_weights();
}

void PosteriorDensity::take_weights() { ws_.transpose(kernels(), model_); }

void PosteriorDensity::set_rows(const Rows& rows, const int64_t* index, size_t n,
                                const PixelNoise& noise) {
  n_ = n;
  std::copy_n(index, n, ws_.index.begin());
  if (noise.by == NoiseBy::id) std::copy_n(noise.ids, n, ws_.ids.begin());
  serial([&](Member& member) {
    gather({kernels(), model_, ws_, n, noise.seed}, rows, noise.by, member);
  });
}

const uint64_t* PosteriorDensity::content_ids() {
  for (size_t r = 0; r < n_; ++r) ws_.ids[r] = content_id(pass().x().row(r), pass().x().cols);
  return ws_.ids.data();
}

void PosteriorDensity::encode() {
  serial([&](Member& member) {
    encode_hidden(pass(), member);
    encode_heads(pass(), member);
  });
}

void PosteriorDensity::operator()(ConstMatView z, double* log_p, MatView gradient) {
  const size_t drawn = pass().drawn();
  for (size_t i = 0; i < drawn; ++i)
    std::memcpy(ws_.z.view().row(i), z.row(i), z.cols * sizeof(float));
  serial([&](Member& member) {
    decode_hidden(pass(), member);
    decode_likelihood(pass(), member, log_p != nullptr);
    backward_decoder(pass(), member);
    backward_to_z(pass(), member);
  });
  const auto n_draws = static_cast<float>(ws_.n_draws);  // whose mean was differentiated
  for (size_t i = 0; i < drawn; ++i) {
    const float* dz = ws_.dz.view().row(i);
    for (size_t j = 0; j < z.cols; ++j) gradient.row(i)[j] = n_draws * dz[j] - z.row(i)[j];
  }
  for (size_t i = 0; log_p != nullptr && i < drawn; ++i) {
    double sum = -kHalfLog2Pi * static_cast<double>(z.cols);
    for (size_t part = 0; part < ws_.n_partials; ++part)
      sum += ws_.partial[i * ws_.n_partials + part];
    for (size_t j = 0; j < z.cols; ++j) {
      const auto zj = static_cast<double>(z.row(i)[j]);
      sum -= 0.5 * zj * zj;
    }
    log_p[i] = sum;
  }
}

void content_ids(const Model& model, const Rows& rows, const int64_t* index, size_t n,
                 uint64_t* out) {
  constexpr size_t kBlock = 100;
  PosteriorDensity density(model, kBlock);
  for (size_t first = 0; first < n; first += kBlock) {
    const size_t some = std::min(kBlock, n - first);
    density.set_rows(rows, index + first, some);
    std::copy_n(density.content_ids(), some, out + first);
  }
}

void log_joint(const Model& model, const Rows& rows, const float* z, size_t n_draws, double* out,
               int n_threads, Cancellation& cancellation) {
  constexpr size_t kBlock = 100;
  const size_t n_latent = model.config().n_latent;
  const size_t block = std::min(kBlock, rows.n_rows);
  const size_t n_blocks = ceil_div(rows.n_rows, block);
  const size_t team = std::min(n_blocks, static_cast<size_t>(n_threads));
  std::vector<std::unique_ptr<PosteriorDensity>> densities;
  for (size_t i = 0; i < team; ++i)
    densities.push_back(std::make_unique<PosteriorDensity>(model, block));
  std::vector<Matrix> gradients(team, Matrix(block, n_latent));
  std::vector<int64_t> index(rows.n_rows);
  std::iota(index.begin(), index.end(), int64_t{0});
  cancellation.expect_work(static_cast<double>(rows.n_rows) * static_cast<double>(n_draws));
  run_tasks(static_cast<int>(team), n_blocks, cancellation, [&](Member& member, size_t b) {
    PosteriorDensity& density = *densities[member.rank()];
    const size_t first = b * block;
    const size_t n = std::min(block, rows.n_rows - first);
    density.set_rows(rows, index.data() + first, n);
    for (size_t l = 0; l < n_draws && cancellation.may_continue(member); ++l) {
      const size_t at = l * rows.n_rows + first;
      density({z + at * n_latent, n, n_latent, n_latent}, out + at,
              gradients[member.rank()].view());
      cancellation.add_done(static_cast<double>(n));
    }
  });
}

}  // namespace aevb
