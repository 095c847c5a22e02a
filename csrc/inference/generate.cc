#include "inference/generate.h"

#include <algorithm>
#include <cmath>

#include "engine/layers.h"

namespace aevb {
namespace {

// The kernels' arguments for some rows of a block's outputs.
OutputRows output_rows(const Pass& pass, const OutputBlock& block, Range rows) {
  OutputRows t = {.rows = rows.size(), .n_cols = block.columns.size(), .outputs = {}, .ld = 0};
  for (size_t i = 0; i < block.layers.size(); ++i) {
    const MatView output = pass.activation(pass.network.layers[block.layers.begin + i].output);
    t.outputs[i] = output.row(rows.begin);
    t.ld = output.stride;
  }
  return t;
}

// Makes each value of x missing that is missing in `from`.
void copy_holes(ConstMatView from, MatView x, Range rows) {
  for (size_t r = rows.begin; r < rows.end; ++r) {
    for (size_t c = 0; c < x.cols; ++c) {
      if (std::isnan(from.row(r)[c])) x.row(r)[c] = from.row(r)[c];
    }
  }
}

}  // namespace

void decoder_means(const Pass& pass, Member& member) {
  const auto member_of = [&](const OutputBlock& block) -> const LikelihoodKernels& {
    return pass.k.likelihoods[block.likelihood];
  };
  const auto has_mean = [&](const OutputBlock& block) {
    return member_of(block).mean != nullptr || member_of(block).level_means != nullptr;
  };
  const std::vector<OutputBlock>& blocks = pass.network.blocks;
  if (std::none_of(blocks.begin(), blocks.end(), has_mean)) return;
  for_own_rows(pass, member, draws_of(pass, share_rows(member, pass.rows)), [&](Range some) {
    for (const OutputBlock& block : blocks) {
      if (!block.groups.empty()) {
        member_of(block).level_means(level_rows(pass, block, some));
      } else if (member_of(block).mean != nullptr) {
        member_of(block).mean(output_rows(pass, block, some));
      }
    }
  });
  member.barrier();
}

void draw_rows(const Pass& pass, Range rows, uint32_t stream, const uint64_t* ids, MatView noise) {
  for (const OutputBlock& block : pass.network.blocks) {
    const MatView own = {noise.data + block.columns.begin, 0, block.columns.size(), noise.stride};
    NoiseRows drawn = noise_rows(pass.noise.seed, stream, ids, rows.size(), 1, own);
    drawn.first_block = block.first_noise;
    const LikelihoodKernels& likelihood = pass.k.likelihoods[block.likelihood];
    if (likelihood.info.is_joint) continue;  // without a total, x keeps its shares
    block.groups.empty() ? likelihood.draw(output_rows(pass, block, rows), drawn)
                         : pass.k.draw_levels(level_rows(pass, block, rows), drawn);
  }
}

void draw_visible(const Pass& pass, Purpose purpose, Member& member) {
  const MatView noise = pass.x();
  for_own_rows(pass, member, share_rows(member, pass.rows), [&](Range some) {
    draw_rows(pass, some, stream(purpose, pass.noise.step), pass.ws.ids.data() + some.begin,
              noise.block(some.begin, some.size()));
  });
  member.barrier();
}

void copy_visible(const Pass& pass, Range rows, float* out, size_t stride) {
  for (const OutputBlock& block : pass.network.blocks) {
    const MatView from = pass.activation(pass.network.layers[block.layers.begin].output);
    for (size_t r = rows.begin; r < rows.end; ++r) {
      std::memcpy(out + (r - rows.begin) * stride + block.columns.begin, from.row(r),
                  from.cols * sizeof(float));
    }
  }
}

void dream(const Pass& pass, const Pass* holes, Member& member) {
  Workspace& ws = pass.ws;
  const Range rows = share_rows(member, pass.rows);
  const MatView z = ws.z();
  for_own_rows(pass, member, rows, [&](Range some) {
    pass.prior.draw(noise_rows(pass.noise.seed, stream(Purpose::dream_latent, pass.noise.step),
                               ws.ids.data() + some.begin, some.size(), 1,
                               {z.row(some.begin), 0, z.cols, z.stride}));
  });
  decode_hidden(pass, member);
  decode_outputs(pass, member);
  decoder_means(pass, member);
  draw_visible(pass, Purpose::dream_visible, member);
  const MatView x = pass.x();
  for_own_rows(pass, member, rows, [&](Range some) {
    copy_visible(pass, some, x.row(some.begin), x.stride);
    if (holes != nullptr) copy_holes(holes->x(), x, some);
    read_inputs(pass, some);
  });
  member.barrier();
}

}  // namespace aevb
