#include "engine/pass.h"

namespace aevb {
namespace {

// Rows of one panel of a layer, or of its bias: n_rows rows from index `at` of the arena on.
void draw_rows(const Kernels& k, const Model& model, const PanelDraw& noise, size_t at,
               size_t n_rows, size_t n_cols, float* drawn) {
  PanelDraw draw = noise;
  draw.first_row = at / kPanel;
  draw.n_rows = n_rows;
  draw.n_cols = n_cols;
  draw.mean = model.weights() + at;
  draw.log_sd = model.parameters().data(Role::log_sd) + at;
  draw.out = drawn + at;
  k.draw_weights(draw);
}

}  // namespace

void draw_weights(const Kernels& k, const Model& model, Purpose purpose, NoiseKey key, float* drawn,
                  const Member& member) {
  PanelDraw noise = {};
  noise.key[0] = static_cast<uint32_t>(key.seed);
  noise.key[1] = static_cast<uint32_t>(key.seed >> 32);
  noise.stream = stream(purpose, key.step);
  noise.step = static_cast<uint32_t>(key.step);
  const Network& network = model.network();
  for (size_t i = 0; i < network.layers.size(); ++i) {
    const Dense& layer = network.layers[i].layer;
    if (i < network.variational.begin) {  // a point
      const Range lines = member.share((layer.end() - layer.offset) / kLineFloats);
      const size_t at = layer.offset + lines.begin * kLineFloats;
      std::copy_n(model.weights() + at, lines.size() * kLineFloats, drawn + at);
      continue;
    }
    for (size_t panel = 0; panel < layer.n_panels(); ++panel) {
      const size_t width = panel_width(layer.n_out, panel);
      const Range inputs = member.share(layer.n_in);
      draw_rows(k, model, noise, layer.panel_offset(panel) + inputs.begin * kPanel, inputs.size(),
                width, drawn);
      if (panel % member.size() == member.rank())
        draw_rows(k, model, noise, layer.bias_offset(panel), 1, width, drawn);
    }
  }
}

}  // namespace aevb
