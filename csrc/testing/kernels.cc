// Single kernels, for the tests. Operands are copied into the core's padded layout. Padding that a
// kernel may read but must not use is NaN.
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/special.h"
#include "nn/dense.h"
#include "nn/random.h"
#include "testing/hooks.h"

namespace aevb::testing {
namespace {

constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();

Matrix poisoned(size_t rows, size_t cols) {
  Matrix m(rows, cols);
  const MatView v = m.view();
  std::fill_n(v.data, rows * v.stride, kPoison);
  return m;
}

Matrix padded(const FloatArray& a, const char* name) {
  const ConstMatView from = as_matrix(a, name);
  Matrix m = poisoned(from.rows, from.cols);
  for (size_t r = 0; r < from.rows; ++r)
    std::memcpy(m.view().row(r), from.row(r), from.cols * sizeof(float));
  return m;
}

// A layer and its arena, as in a model.
struct Packed {
  Dense layer;
  Buffer<float> arena;
  Packed(const FloatArray& weight, const float* bias) {
    const ConstMatView w = as_matrix(weight, "weight");
    layer = {w.rows, w.cols, 0};
    arena = Buffer<float>(layer.end());
    const std::vector<float> zero(w.cols);
    pack({"", layer, {0, w.cols}}, w.data, bias != nullptr ? bias : zero.data(), arena.data());
  }
};

FloatArray dense(const FloatArray& x, const FloatArray& weight, const FloatArray& bias,
                 const std::string& activation) {
  check(bias.ndim() == 1 && weight.ndim() == 2 && bias.shape(0) == weight.shape(1),
        "bias: got shape " + shape_of(bias) + ", want the columns of weight");
  Packed packed(weight, bias.data());
  Matrix in = padded(x, "x");
  Matrix out = poisoned(in.view().rows, packed.layer.n_out);
  for (size_t panel = 0; panel < packed.layer.n_panels(); ++panel) {
    dense_forward(kernels(), packed.layer, packed.arena.data(), in.view(), out.view(),
                  parse("activation", activation, kActivations), panel, {0, in.view().rows});
  }
  return dense_array(out.view());
}

FloatArray dense_backward_rows(const FloatArray& delta, const FloatArray& weight,
                               const FloatArray& h, const std::string& activation, bool kept) {
  Packed packed(weight, nullptr);
  Transposed transposed(packed.layer);
  if (kept) transposed.make(kernels(), packed.arena.data());
  Matrix d = padded(delta, "delta"), out = padded(h, "h");
  Matrix din = poisoned(d.view().rows, packed.layer.n_in);
  for (size_t panel = 0; panel * kPanel < packed.layer.n_in; ++panel) {
    dense_backward(kernels(), packed.layer, packed.arena.data(),
                   kept ? transposed.panel(panel) : nullptr, d.view(), din.view(), false, panel,
                   {0, d.view().rows});
    const size_t column = panel * kPanel;
    kernels().differentiate(parse("activation", activation, kActivations), d.view().rows,
                            panel_width(packed.layer.n_in, panel), out.view().data + column,
                            out.view().stride, din.view().data + column, din.view().stride);
  }
  return dense_array(din.view());
}

py::tuple dense_gradient(const FloatArray& x, const FloatArray& delta) {
  Matrix in = padded(x, "x"), d = padded(delta, "delta");
  const size_t n_in = in.view().cols, n_out = d.view().cols;
  const Dense layer = {n_in, n_out, 0};
  Buffer<float> sums(layer.end());
  for (size_t panel = 0; panel < layer.n_panels(); ++panel) {
    dense_update(kernels(), layer, {nullptr, sums.data(), nullptr}, UpdateRule{}, in.view(),
                 d.view(), panel, {0, n_in});
  }
  FloatArray weight = new_matrix(n_in, n_out), bias(static_cast<py::ssize_t>(n_out));
  unpack({"", layer, {0, n_out}}, sums.data(), weight.mutable_data(), bias.mutable_data());
  return py::make_tuple(weight, bias);
}

py::tuple optimizer_update(const std::string& optimizer, const FloatArray& weight,
                           const FloatArray& gradient, const FloatArray& state1,
                           const FloatArray& state2, float learning_rate, float scale, float decay,
                           int step) {
  const auto n = static_cast<size_t>(weight.size());
  const auto copy = [n](const FloatArray& a, const char* name) {
    check_shape(a, name, {n});
    Buffer<float> b(round_up(n, kPanel));
    std::fill_n(b.data(), b.size(), kPoison);
    std::memcpy(b.data(), a.data(), n * sizeof(float));
    return b;
  };
  Buffer<float> w = copy(weight, "weight"), g = copy(gradient, "gradient");
  Buffer<float> s1 = copy(state1, "state1"), s2 = copy(state2, "state2");
  UpdateRule rule = {.optimizer = parse("optimizer", optimizer, kernels().optimizers),
                     .scale = scale,
                     .decay = decay};
  kernels().optimizers[rule.optimizer].prepare(step, rule);
  rule.learning_rate = learning_rate;  // without a warm-up
  kernels().optimize(rule, g.data(), {0, n}, w.data(), s1.data(), s2.data());
  const auto back = [n](const Buffer<float>& b) {
    return FloatArray(static_cast<py::ssize_t>(n), b.data());
  };
  return py::make_tuple(back(w), back(s1), back(s2));
}

// A likelihood's (r of every row, or 0 if it is not wanted; the gradient of r for each output).
py::tuple likelihood(const std::string& name, const std::vector<FloatArray>& outputs,
                     const FloatArray& x, bool with_r) {
  const LikelihoodKernels& member =
      kernels().likelihoods[parse("name", name, kernels().likelihoods)];
  check(outputs.size() == member.info.n_outputs,
        "outputs: want " + std::to_string(member.info.n_outputs) + " arrays");
  Matrix data = padded(x, "x");
  const MatView view = data.view();
  std::vector<Matrix> own;
  PanelLikelihood t = {.first_row = 0,
                       .rows = view.rows,
                       .n_cols = 0,
                       .n_draws = 1,
                       .x = nullptr,
                       .ldx = view.stride,
                       .outputs = {},
                       .ld = view.stride,
                       .scale = 1.0f,
                       .partial = nullptr,
                       .partial_stride = 1};
  for (const FloatArray& output : outputs) {
    own.push_back(padded(output, "outputs"));
    check(own.back().view().rows == view.rows && own.back().view().cols == view.cols,
          "outputs: want the shape of x");
  }
  FloatArray r(static_cast<py::ssize_t>(view.rows));
  std::fill_n(r.mutable_data(), view.rows, 0.0f);
  std::vector<float> partial(view.rows);
  for (size_t column = 0; column < view.cols; column += kPanel) {
    t.n_cols = std::min(kPanel, view.cols - column);
    t.x = view.data + column;
    for (size_t i = 0; i < own.size(); ++i) t.outputs[i] = own[i].view().data + column;
    t.partial = with_r ? partial.data() : nullptr;
    member.evaluate(t);
    for (size_t i = 0; i < view.rows; ++i) r.mutable_data()[i] += partial[i];
  }
  py::list gradients;
  for (Matrix& gradient : own) gradients.append(dense_array(gradient.view()));
  return py::make_tuple(r, gradients);
}

// noise (L, n, J) -> a matrix whose row m * L + l is draw l of row m
Matrix noise_matrix(const FloatArray& noise, size_t n, size_t n_latent) {
  check(noise.ndim() == 3, "noise: got shape " + shape_of(noise) + ", want three dimensions");
  const auto n_draws = static_cast<size_t>(noise.shape(0));
  check_shape(noise, "noise", {n_draws, n, n_latent});
  Matrix eps = poisoned(n * n_draws, n_latent);
  for (size_t l = 0; l < n_draws; ++l) {
    for (size_t m = 0; m < n; ++m) {
      std::memcpy(eps.view().row(m * n_draws + l), noise.data() + (l * n + m) * n_latent,
                  n_latent * sizeof(float));
    }
  }
  return eps;
}

// mean and log_var side by side, as in the workspace.
Matrix heads_of(const FloatArray& mean, const FloatArray& log_var) {
  const ConstMatView mu = as_matrix(mean, "mean");
  const ConstMatView lv = as_matrix(log_var, "log_var", mu.cols);
  check(lv.rows == mu.rows, "log_var: want as many rows as mean has");
  Matrix heads = poisoned(mu.rows, 2 * mu.cols);
  for (size_t r = 0; r < mu.rows; ++r) {
    std::memcpy(heads.view().row(r), mu.row(r), mu.cols * sizeof(float));
    std::memcpy(heads.view().row(r) + mu.cols, lv.row(r), mu.cols * sizeof(float));
  }
  return heads;
}

LatentRows latent(Matrix& heads, Matrix& eps, const std::string& objective,
                  float kl_weight = 1.0f) {
  LatentRows t = {};
  t.objective = parse("objective", objective, kernels().objectives);
  t.kl_weight = kl_weight;
  t.rows = heads.view().rows;
  t.n_latent = eps.view().cols;
  t.n_draws = eps.view().rows / t.rows;
  t.outputs[0] = heads.view().data;
  t.outputs[1] = heads.view().data + t.n_latent;
  t.ld_heads = heads.view().stride;
  t.ld = t.ld_noise = eps.view().stride;
  t.noise = eps.view().data;
  return t;
}

py::tuple latent_sample(const FloatArray& mean, const FloatArray& log_var, const FloatArray& noise,
                        const std::string& objective) {
  Matrix heads = heads_of(mean, log_var);
  Matrix eps = noise_matrix(noise, heads.view().rows, heads.view().cols / 2);
  LatentRows t = latent(heads, eps, objective);
  Matrix z = poisoned(t.rows * t.n_draws, t.n_latent);
  FloatArray term(static_cast<py::ssize_t>(t.rows));
  std::vector<float> draw_term(t.rows * t.n_draws);
  t.z = z.view().data;
  t.term = term.mutable_data();
  t.draw_term = draw_term.data();
  kernels().latent_sample(t);
  return py::make_tuple(dense_array(z.view()), term);
}

py::tuple latent_backward(const FloatArray& mean, const FloatArray& log_var,
                          const FloatArray& noise, const FloatArray& dz, const FloatArray& f,
                          const std::string& objective, float kl_weight) {
  Matrix heads = heads_of(mean, log_var), d = padded(dz, "dz");
  Matrix eps = noise_matrix(noise, heads.view().rows, heads.view().cols / 2);
  LatentRows t = latent(heads, eps, objective, kl_weight);
  check_shape(dz, "dz", {t.rows * t.n_draws, t.n_latent});
  check_shape(f, "f", {t.rows * t.n_draws});
  Matrix dheads = poisoned(t.rows, 2 * t.n_latent);
  const MatView out = dheads.view();
  t.dz = d.view().data;
  t.f = f.data();
  t.doutputs[0] = out.data;
  t.doutputs[1] = out.data + t.n_latent;
  kernels().latent_backward(t);
  return py::make_tuple(dense_array({out.data, out.rows, t.n_latent, out.stride}),
                        dense_array({out.data + t.n_latent, out.rows, t.n_latent, out.stride}));
}

FloatArray noise(void (*kernel)(const NoiseRows&), uint64_t seed, uint64_t step, uint32_t purpose,
                 size_t first_row, size_t n_rows, size_t n_cols) {
  Matrix out = poisoned(n_rows, n_cols);
  std::vector<uint64_t> ids(n_rows);
  for (size_t r = 0; r < n_rows; ++r) ids[r] = noise_id(step, first_row + r);
  kernel(noise_rows(seed, stream(static_cast<Purpose>(purpose), step), ids.data(), n_rows, 1,
                    out.view()));
  return dense_array(out.view());
}

using WordArray = py::array_t<uint32_t, py::array::c_style | py::array::forcecast>;

WordArray philox(const WordArray& counter, const WordArray& key) {
  check(counter.ndim() == 2 && counter.shape(1) == 4 && key.size() == 2,
        "counter, key: want shapes (n, 4) and (2,)");
  WordArray out({counter.shape(0), py::ssize_t{4}});
  isa_functions().philox(key.data(), static_cast<size_t>(counter.shape(0)), counter.data(),
                         out.mutable_data());
  return out;
}

py::array_t<int64_t> permutation(uint64_t seed, uint64_t index, size_t n, uint32_t purpose) {
  const Permutation order(seed, static_cast<Purpose>(purpose), index, n);
  py::array_t<int64_t> out(static_cast<py::ssize_t>(n));
  std::iota(out.mutable_data(), out.mutable_data() + n, int64_t{0});
  order.apply(out.mutable_data(), n);
  return out;
}

FloatArray unary(const std::string& name, const FloatArray& x) {
  FloatArray y(x.size());
  check(isa_functions().unary(name.c_str(), static_cast<size_t>(x.size()), x.data(),
                              y.mutable_data()),
        "name: got '" + name + "', want the name of an elementwise function");
  return y;
}

FloatArray gamma_sensitivity(const FloatArray& alpha, const FloatArray& log_z) {
  const auto n = static_cast<size_t>(alpha.size());
  check_shape(log_z, "log_z", {n});
  FloatArray y(alpha.size());
  isa_functions().gamma_sensitivity(n, alpha.data(), log_z.data(), y.mutable_data());
  return y;
}

FloatArray sample_gamma(const FloatArray& u, const FloatArray& alpha) {
  const auto n = static_cast<size_t>(alpha.size());
  check_shape(u, "u", {4, n});
  FloatArray log_z(alpha.size());
  isa_functions().gamma_draws(n, u.data(), alpha.data(), log_z.mutable_data());
  return log_z;
}

// Floating-point operations per second of multiply-adds in registers, on n_threads threads for
// about `seconds`.
double fma_peak(int n_threads, double seconds) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> rate(static_cast<size_t>(std::max(1, n_threads)));
  py::gil_scoped_release nogil;
  run_team(n_threads, [&](Member& member) {
    member.barrier();
    const Clock::time_point start = Clock::now();
    double flops = 0.0, elapsed = 0.0;
    while (elapsed < seconds) {
      flops += isa_functions().peak(10000);
      elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    }
    rate[member.rank()] = flops / elapsed;
  });
  return std::accumulate(rate.begin(), rate.end(), 0.0);
}

}  // namespace

void bind_kernels(py::module_& m) {
  using py::arg;
  m.def("unary", &unary, arg("name"), arg("x"));
  m.def("log_gamma", py::vectorize(&log_gamma), arg("x"));
  m.def("digamma", py::vectorize(&digamma), arg("x"));
  m.def("gamma_sensitivity", &gamma_sensitivity, arg("alpha"), arg("log_z"));
  m.def("sample_gamma", &sample_gamma, arg("u"), arg("alpha"));
  m.def("dense", &dense, arg("x"), arg("weight"), arg("bias"), arg("activation"));
  m.def("dense_backward", &dense_backward_rows, arg("delta"), arg("weight"), arg("h"),
        arg("activation"), arg("kept") = false);
  m.def("dense_gradient", &dense_gradient, arg("x"), arg("delta"));
  m.def("optimizer_update", &optimizer_update, arg("optimizer"), arg("weight"), arg("gradient"),
        arg("state1"), arg("state2"), py::kw_only(), arg("learning_rate"), arg("scale"),
        arg("decay"), arg("step"));
  m.def("likelihood", &likelihood, arg("name"), arg("outputs"), arg("x"), arg("with_r") = true);
  m.def("latent_sample", &latent_sample, arg("mean"), arg("log_var"), arg("noise"),
        arg("objective"));
  m.def("latent_backward", &latent_backward, arg("mean"), arg("log_var"), arg("noise"), arg("dz"),
        arg("f"), arg("objective"), arg("kl_weight") = 1.0f);
  m.def(
      "normal",
      [](uint64_t seed, uint64_t step, uint32_t purpose, size_t first_row, size_t n_rows,
         size_t n_cols) {
        return noise(kernels().normal, seed, step, purpose, first_row, n_rows, n_cols);
      },
      arg("seed"), arg("step"), arg("purpose"), arg("first_row"), arg("n_rows"), arg("n_cols"));
  m.def(
      "uniform",
      [](uint64_t seed, uint64_t step, uint32_t purpose, size_t first_row, size_t n_rows,
         size_t n_cols) {
        return noise(kernels().uniform, seed, step, purpose, first_row, n_rows, n_cols);
      },
      arg("seed"), arg("step"), arg("purpose"), arg("first_row"), arg("n_rows"), arg("n_cols"));
  m.def("philox", &philox, arg("counter"), arg("key"));
  m.def("fma_peak", &fma_peak, arg("n_threads"), arg("seconds"));
  m.def("permutation", &permutation, arg("seed"), arg("epoch"), arg("n"),
        arg("purpose") = static_cast<uint32_t>(Purpose::epoch));
}

}  // namespace aevb::testing
