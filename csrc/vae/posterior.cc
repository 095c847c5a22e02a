#include "vae/posterior.h"

#include <memory>
#include <numeric>

namespace aevb {

PosteriorDensity::PosteriorDensity(const Model& model, size_t most_rows)
    : model_(model), ws_(model, most_rows, 1, true, 1) {}

void PosteriorDensity::set_rows(const Rows& rows, size_t first, size_t n) {
  n_ = n;
  std::iota(ws_.index.begin(), ws_.index.begin() + static_cast<ptrdiff_t>(n),
            static_cast<int64_t>(first));
  Barrier barrier(1);
  Member alone(0, 1, barrier);
  gather({kernels(), model_, ws_, n, 0}, rows, NoiseBy::nothing, alone);
}

void PosteriorDensity::operator()(ConstMatView z, double* log_p, MatView gradient) {
  constexpr double kHalfLog2Pi = 0.91893853320467274;
  Barrier barrier(1);
  Member alone(0, 1, barrier);
  const Pass pass = {kernels(), model_, ws_, n_, 0};
  for (size_t r = 0; r < n_; ++r)
    std::memcpy(ws_.z.view().row(r), z.row(r), z.cols * sizeof(float));
  decode_hidden(pass, alone);
  decode_likelihood(pass, alone);
  backward_decoder(pass, alone);
  backward_to_z(pass, alone);
  for (size_t r = 0; r < n_; ++r) {
    double sum = -kHalfLog2Pi * static_cast<double>(z.cols);
    for (size_t part = 0; part < ws_.n_parts; ++part) sum += ws_.partial[r * ws_.n_parts + part];
    const float* dz = ws_.dz.view().row(r);
    for (size_t j = 0; j < z.cols; ++j) {
      const float zj = z.row(r)[j];
      sum -= 0.5 * static_cast<double>(zj) * static_cast<double>(zj);
      gradient.row(r)[j] = dz[j] - zj;
    }
    log_p[r] = sum;
  }
}

void log_joint(const Model& model, const Rows& rows, const float* z, size_t n_draws, double* out,
               int n_threads) {
  constexpr size_t kBlock = 100;
  const size_t n_latent = model.config().n_latent;
  const size_t block = std::min(kBlock, rows.n_rows);
  const size_t n_blocks = ceil_div(rows.n_rows, block);
  const size_t team = std::min(n_blocks, static_cast<size_t>(n_threads));
  std::vector<std::unique_ptr<PosteriorDensity>> densities;
  for (size_t i = 0; i < team; ++i)
    densities.push_back(std::make_unique<PosteriorDensity>(model, block));
  std::vector<Matrix> gradients(team, Matrix(block, n_latent));
  run_team(static_cast<int>(team), [&](Member& member) {
    PosteriorDensity& density = *densities[member.rank()];
    const Range mine = member.share(n_blocks);
    for (size_t b = mine.begin; b < mine.end; ++b) {
      const size_t first = b * block;
      const size_t n = std::min(block, rows.n_rows - first);
      density.set_rows(rows, first, n);
      for (size_t l = 0; l < n_draws; ++l) {
        const size_t at = l * rows.n_rows + first;
        density({z + at * n_latent, n, n_latent, n_latent}, out + at,
                gradients[member.rank()].view());
      }
    }
  });
}

}  // namespace aevb
