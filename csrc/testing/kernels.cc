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
                     const FloatArray& x, bool with_r, bool holes) {
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
                       .partial_stride = 1,
                       .holes = holes};
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

// Rows of variables with levels, which the two functions below fill in.
struct LevelProblem {
  const LikelihoodKernels& member;
  std::vector<Matrix> outputs;
  LevelRows rows = {};

  LevelProblem(const std::string& name, const std::vector<FloatArray>& given,
               const std::vector<uint32_t>& levels)
      : member(kernels().likelihoods[parse("name", name, kernels().likelihoods)]) {
    check(member.evaluate_levels != nullptr && given.size() == member.info.n_outputs,
          "outputs: want " + std::to_string(member.info.n_outputs) + " arrays, of levels");
    const size_t n_columns = std::accumulate(levels.begin(), levels.end(), size_t{0});
    for (size_t i = 0; i < given.size(); ++i) {
      const Width width = member.info.widths[i];
      const ConstMatView output = as_matrix(given[i], "outputs");
      check(output.rows == as_matrix(given[0], "outputs").rows &&
                output.cols == (width == Width::columns     ? n_columns
                                : width == Width::variables ? levels.size()
                                                            : n_columns - levels.size()),
            "outputs: want the widths of the levels");
      // The first output's matrix has a place for every column of x, as in a model.
      outputs.push_back(
          poisoned(output.rows, std::max(i == 0 ? n_columns : size_t{0}, output.cols)));
      for (size_t r = 0; r < output.rows; ++r)
        std::memcpy(outputs[i].view().row(r), output.row(r), output.cols * sizeof(float));
      rows.outputs[i] = outputs[i].view().data;
      rows.ld[i] = outputs[i].view().stride;
    }
    rows.rows = outputs[0].view().rows;
    rows.n_draws = 1;
    rows.n_variables = levels.size();
    rows.levels = levels.data();
    rows.scale = 1.0f;
  }
};

// As `likelihood`, for variables with levels. x has a column for each level.
py::tuple levels(const std::string& name, const std::vector<FloatArray>& outputs,
                 const FloatArray& x, const std::vector<uint32_t>& n_levels, bool with_r) {
  LevelProblem p(name, outputs, n_levels);
  Matrix data = padded(x, "x");
  check_shape(x, "x", {p.rows.rows, std::accumulate(n_levels.begin(), n_levels.end(), size_t{0})});
  p.rows.x = data.view().data;
  p.rows.ldx = data.view().stride;
  FloatArray r(static_cast<py::ssize_t>(p.rows.rows));
  std::fill_n(r.mutable_data(), p.rows.rows, 0.0f);
  p.rows.partial = with_r ? r.mutable_data() : nullptr;
  p.rows.partial_stride = 1;
  p.member.evaluate_levels(p.rows);
  py::list gradients;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const MatView all = p.outputs[i].view();
    gradients.append(
        dense_array({all.data, all.rows, static_cast<size_t>(outputs[i].shape(1)), all.stride}));
  }
  return py::make_tuple(r, gradients);
}

// The probabilities of the levels, a column for each.
FloatArray level_means(const std::string& name, const std::vector<FloatArray>& outputs,
                       const std::vector<uint32_t>& n_levels) {
  LevelProblem p(name, outputs, n_levels);
  p.member.level_means(p.rows);
  return dense_array(p.outputs[0].view());
}

// What the encoder reads of x.
FloatArray read_inputs(const std::string& input, const FloatArray& x) {
  constexpr Name<Input> kInputs[] = {{"as-is", Input::as_is}, {"log1p", Input::log1p}};
  Matrix in = padded(x, "x");
  const MatView from = in.view();
  Matrix out = poisoned(from.rows, from.cols);
  kernels().read_inputs({.rows = from.rows,
                         .n_cols = from.cols,
                         .input = parse("input", input, kInputs),
                         .x = from.data,
                         .ldx = from.stride,
                         .out = out.view().data,
                         .ld = out.view().stride});
  return dense_array(out.view());
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
  m.def("gamma_sensitivity", &gamma_sensitivity, arg("alpha"), arg("log_z"));
  m.def("sample_gamma", &sample_gamma, arg("u"), arg("alpha"));
  m.def("dense", &dense, arg("x"), arg("weight"), arg("bias"), arg("activation"));
  m.def("dense_backward", &dense_backward_rows, arg("delta"), arg("weight"), arg("h"),
        arg("activation"), arg("kept") = false);
  m.def("dense_gradient", &dense_gradient, arg("x"), arg("delta"));
  m.def("optimizer_update", &optimizer_update, arg("optimizer"), arg("weight"), arg("gradient"),
        arg("state1"), arg("state2"), py::kw_only(), arg("learning_rate"), arg("scale"),
        arg("decay"), arg("step"));
  m.def("likelihood", &likelihood, arg("name"), arg("outputs"), arg("x"), arg("with_r") = true,
        arg("holes") = false);
  m.def("levels", &levels, arg("name"), arg("outputs"), arg("x"), arg("levels"),
        arg("with_r") = true);
  m.def("level_means", &level_means, arg("name"), arg("outputs"), arg("levels"));
  m.def("read_inputs", &read_inputs, arg("input"), arg("x"));
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
