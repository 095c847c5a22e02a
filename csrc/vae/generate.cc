#include "vae/generate.h"

namespace aevb {

void decoder_means(const Pass& pass, Member& member) {
  if (pass.model.config().likelihood == Likelihood::gaussian) return;
  const MatView mean = pass.ws.outputs.front().view();
  const Range rows = share_rows(member, pass.rows);
  if (!rows.empty())
    pass.k.activate(Activation::sigmoid, rows.size(), mean.cols, mean.row(rows.begin), mean.stride);
  member.barrier();
}

void draw_visible(const Pass& pass, Purpose purpose, Member& member) {
  Workspace& ws = pass.ws;
  const Range rows = share_rows(member, pass.rows);
  const MatView mean = ws.outputs.front().view();
  const MatView eps = pass.x();
  NoiseRows noise =
      noise_rows(pass.seed, stream(purpose, pass.noise_step), ws.ids.data() + rows.begin,
                 rows.size(), 1, {mean.row(rows.begin), 0, mean.cols, mean.stride});
  if (pass.model.config().likelihood == Likelihood::bernoulli) {
    if (!rows.empty()) pass.k.bernoulli_draw(noise);
  } else if (!rows.empty()) {
    noise.out = eps.row(rows.begin);
    pass.k.normal(noise);
    for (size_t r = rows.begin; r < rows.end; ++r) {
      pass.k.gaussian_draw(mean.cols, mean.row(r), ws.outputs.back().view().row(r), eps.row(r));
    }
  }
  member.barrier();
}

void dream(const Pass& pass, Member& member) {
  Workspace& ws = pass.ws;
  const Range rows = share_rows(member, pass.rows);
  if (!rows.empty()) {
    const MatView z = ws.z.view();
    pass.k.normal(noise_rows(pass.seed, stream(Purpose::dream_latent, pass.noise_step),
                             ws.ids.data() + rows.begin, rows.size(), 1,
                             {z.row(rows.begin), 0, z.cols, z.stride}));
  }
  decode_hidden(pass, member);
  decode_outputs(pass, member);
  decoder_means(pass, member);
  draw_visible(pass, Purpose::dream_visible, member);
  if (!rows.empty()) {
    const MatView x = pass.x(), drawn = ws.outputs.front().view();
    for (size_t r = rows.begin; r < rows.end; ++r)
      std::memcpy(x.row(r), drawn.row(r), x.cols * sizeof(float));
    ws.nonzeros.find_columns(pass.k, x, rows);
  }
  member.barrier();
}

}  // namespace aevb
