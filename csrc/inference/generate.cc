#include "inference/generate.h"

namespace aevb {

void decoder_means(const Pass& pass, Member& member) {
  if (pass.model.config().likelihood == Likelihood::gaussian) return;
  const MatView mean = pass.ws.outputs.front().view();
  for_own_rows(pass, member, share_rows(member, pass.rows), [&](Range some) {
    pass.k.activate(Activation::sigmoid, some.size(), mean.cols, mean.row(some.begin), mean.stride);
  });
  member.barrier();
}

void draw_visible(const Pass& pass, Purpose purpose, Member& member) {
  Workspace& ws = pass.ws;
  const MatView mean = ws.outputs.front().view();
  const MatView eps = pass.x();
  for_own_rows(pass, member, share_rows(member, pass.rows), [&](Range some) {
    NoiseRows noise =
        noise_rows(pass.seed, stream(purpose, pass.noise_step), ws.ids.data() + some.begin,
                   some.size(), 1, {mean.row(some.begin), 0, mean.cols, mean.stride});
    if (pass.model.config().likelihood == Likelihood::bernoulli)
      return pass.k.bernoulli_draw(noise);
    noise.out = eps.row(some.begin);
    pass.k.normal(noise);
    for (size_t r = some.begin; r < some.end; ++r) {
      pass.k.gaussian_draw(mean.cols, mean.row(r), ws.outputs.back().view().row(r), eps.row(r));
    }
  });
  member.barrier();
}

void dream(const Pass& pass, Member& member) {
  Workspace& ws = pass.ws;
  const Range rows = share_rows(member, pass.rows);
  const MatView z = ws.z.view();
  for_own_rows(pass, member, rows, [&](Range some) {
    pass.k.normal(noise_rows(pass.seed, stream(Purpose::dream_latent, pass.noise_step),
                             ws.ids.data() + some.begin, some.size(), 1,
                             {z.row(some.begin), 0, z.cols, z.stride}));
  });
  decode_hidden(pass, member);
  decode_outputs(pass, member);
  decoder_means(pass, member);
  draw_visible(pass, Purpose::dream_visible, member);
  const MatView x = pass.x(), drawn = ws.outputs.front().view();
  for_own_rows(pass, member, rows, [&](Range some) {
    for (size_t r = some.begin; r < some.end; ++r)
      std::memcpy(x.row(r), drawn.row(r), x.cols * sizeof(float));
    ws.nonzeros.find_columns(pass.k, x, some);
  });
  member.barrier();
}

}  // namespace aevb
