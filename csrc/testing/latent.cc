// The latent layer, for the tests: the kernels of the paper's posterior and prior, and those of
// any. Operands are copied into the core's padded layout. Padding that a kernel may read but must
// not use is NaN.
#include <numeric>

#include "nn/random.h"
#include "testing/hooks.h"

namespace aevb::testing {
namespace {

// noise (L, n, columns) -> a matrix whose row m * L + l is draw l of row m
Matrix noise_matrix(const FloatArray& noise, size_t n, size_t n_cols) {
  check(noise.ndim() == 3, "noise: got shape " + shape_of(noise) + ", want three dimensions");
  const auto n_draws = static_cast<size_t>(noise.shape(0));
  check_shape(noise, "noise", {n_draws, n, n_cols});
  Matrix eps = poisoned(n * n_draws, n_cols);
  for (size_t l = 0; l < n_draws; ++l) {
    for (size_t m = 0; m < n; ++m) {
      std::memcpy(eps.view().row(m * n_draws + l), noise.data() + (l * n + m) * n_cols,
                  n_cols * sizeof(float));
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

const PosteriorKernels& posterior_of(const std::string& name) {
  return kernels().posteriors[parse("name", name, kernels().posteriors)];
}

const PriorKernels& prior_of(const std::string& name) {
  return kernels().priors[parse("prior", name, kernels().priors)];
}

// Rows of any posterior, and the memory of its operands.
class LatentTest {
 public:
  LatentTest(const std::string& name, const std::vector<FloatArray>& outputs)
      : kernels_(posterior_of(name)), info_(kernels_.info) {
    check(outputs.size() == info_.n_outputs,
          "outputs: want " + std::to_string(info_.n_outputs) + " arrays");
    t.rows = as_matrix(outputs[0], "outputs").rows;
    t.n_latent = as_matrix(outputs[0], "outputs").cols;
    t.n_draws = 1;
    t.kl_weight = 1.0f;
    heads_ = side_by_side();
    for (size_t i = 0; i < outputs.size(); ++i) {
      check_shape(outputs[i], "outputs", {t.rows, width(i)});
      const MatView into = head(heads_, i);
      for (size_t m = 0; m < t.rows && into.cols > 0; ++m)
        std::memcpy(into.row(m), outputs[i].data() + m * into.cols, into.cols * sizeof(float));
      t.outputs[i] = into.data;
    }
    t.ld_heads = heads_.view().stride;
    set_z(poisoned(t.rows, t.n_latent));
  }

  const PosteriorKernels& member() const { return kernels_; }
  MatView z() { return z_.view(); }
  MatView dz() { return dz_.view(); }
  const std::vector<float>& draw_term() const { return draw_term_; }

  void set_z(Matrix z) {
    z_ = std::move(z);
    dz_ = poisoned(z_.view().rows, t.n_latent);
    draw_term_.assign(z_.view().rows, kPoison);
    t.z = z_.view().data;
    t.dz = dz_.view().data;
    t.ld = z_.view().stride;
    t.draw_term = draw_term_.data();
  }
  void set_given_z(const FloatArray& z) {
    check_shape(z, "z", {t.rows, t.n_latent});
    set_z(padded(z, "z"));
  }
  void set_noise(const FloatArray& noise) {
    eps_ = noise_matrix(noise, t.rows, info_.n_noise * t.n_latent);
    t.noise = eps_.view().data;
    t.ld_noise = eps_.view().stride;
    t.n_draws = eps_.view().rows / t.rows;
    set_z(poisoned(eps_.view().rows, t.n_latent));
  }
  void set_dz(const FloatArray& dz) {
    check_shape(dz, "dz", {t.rows * t.n_draws, t.n_latent});
    dz_ = padded(dz, "dz");
    t.dz = dz_.view().data;
  }
  void want_gradient() {
    gradient_ = side_by_side();
    for (size_t i = 0; i < info_.n_outputs; ++i) t.doutputs[i] = head(gradient_, i).data;
  }
  py::list gradient() {
    py::list arrays;
    for (size_t i = 0; i < info_.n_outputs; ++i) arrays.append(dense_array(head(gradient_, i)));
    return arrays;
  }

  LatentRows t = {};

 private:
  size_t width(size_t output) const { return info_.width(output, t.n_latent); }
  // The outputs of the encoder side by side, as in the workspace.
  Matrix side_by_side() const {
    size_t n = 0;
    for (size_t i = 0; i < info_.n_outputs; ++i) n += width(i);
    return poisoned(t.rows, n);
  }
  MatView head(Matrix& all, size_t output) const {
    size_t begin = 0;
    for (size_t i = 0; i < output; ++i) begin += width(i);
    const MatView view = all.view();
    return {view.data + begin, view.rows, width(output), view.stride};
  }

  const PosteriorKernels& kernels_;
  const PosteriorInfo& info_;
  Matrix heads_, gradient_, eps_, z_, dz_;
  std::vector<float> draw_term_;
};

FloatArray vector_of(const std::vector<float>& values) {
  return FloatArray(static_cast<py::ssize_t>(values.size()), values.data());
}

// (z, log p(z) - log q(z|x) of each draw, the bound's term of each row)
py::tuple posterior_sample(const std::string& name, const std::string& prior,
                           const std::vector<FloatArray>& outputs, const FloatArray& noise,
                           bool closed_kl) {
  LatentTest rows(name, outputs);
  rows.set_noise(noise);
  std::vector<float> term(rows.t.rows, kPoison);
  rows.t.prior = &prior_of(prior);
  rows.t.closed_kl = closed_kl;
  rows.t.term = term.data();
  rows.member().sample(rows.t);
  return py::make_tuple(dense_array(rows.z()), vector_of(rows.draw_term()), vector_of(term));
}

// (log q(z|x), its gradient for z)
py::tuple posterior_log_density(const std::string& name, const std::vector<FloatArray>& outputs,
                                const FloatArray& z) {
  LatentTest rows(name, outputs);
  rows.set_given_z(z);
  rows.member().log_density(rows.t);
  const FloatArray with_gradient = vector_of(rows.draw_term());
  float* const dz = std::exchange(rows.t.dz, nullptr);
  rows.member().log_density(rows.t);
  rows.t.dz = dz;
  const size_t bytes = rows.t.rows * sizeof(float);
  check(std::memcmp(with_gradient.data(), rows.draw_term().data(), bytes) == 0,
        "z: log q(z|x) depends on whether its gradient is wanted");
  return py::make_tuple(with_gradient, dense_array(rows.dz()));
}

py::list posterior_recognize(const std::string& name, const std::vector<FloatArray>& outputs,
                             const FloatArray& z) {
  LatentTest rows(name, outputs);
  rows.set_given_z(z);
  rows.want_gradient();
  rows.member().recognize(rows.t);
  return rows.gradient();
}

// `weights` has the columns term, through, density and score of DrawWeights.
py::list posterior_backward(const std::string& name, const std::string& prior,
                            const std::vector<FloatArray>& outputs, const FloatArray& noise,
                            const FloatArray& dz, const FloatArray& weights, bool closed_kl,
                            float kl_weight) {
  LatentTest rows(name, outputs);
  rows.set_noise(noise);
  LatentRows& t = rows.t;
  check_shape(weights, "weights", {t.rows * t.n_draws, 4});
  std::vector<DrawWeights> draws;
  for (size_t r = 0; r < t.rows * t.n_draws; ++r) {
    const float* w = weights.data() + 4 * r;
    draws.push_back({.term = w[0], .through = w[1], .density = w[2], .score = w[3]});
  }
  std::vector<float> term(t.rows);
  t.prior = &prior_of(prior);
  t.closed_kl = closed_kl;
  t.kl_weight = kl_weight;
  t.term = term.data();
  t.draws = draws.data();
  rows.member().sample(t);
  rows.set_dz(dz);
  rows.want_gradient();
  rows.member().backward(t);
  return rows.gradient();
}

py::tuple posterior_moments(const std::string& name, const std::vector<FloatArray>& outputs) {
  LatentTest rows(name, outputs);
  Matrix mean = poisoned(rows.t.rows, rows.t.n_latent),
         deviation = poisoned(rows.t.rows, rows.t.n_latent);
  rows.member().moments(rows.t, mean.view().data, deviation.view().data);
  return py::make_tuple(dense_array(mean.view()), dense_array(deviation.view()));
}

py::object posterior_kl(const std::string& name, const std::vector<FloatArray>& outputs) {
  LatentTest rows(name, outputs);
  if (rows.member().kl == nullptr) return py::none();
  Matrix kl = poisoned(rows.t.rows, rows.t.n_latent);
  rows.member().kl(rows.t, kl.view().data);
  return dense_array(kl.view());
}

DoubleArray prior_log_density(const std::string& name, const FloatArray& z) {
  const PriorKernels& prior = prior_of(name);
  Matrix rows = padded(z, "z");
  const MatView view = rows.view();
  DoubleArray out(static_cast<py::ssize_t>(view.rows));
  for (size_t r = 0; r < view.rows; ++r)
    out.mutable_data()[r] = prior.log_density(view.row(r), view.cols);
  return out;
}

FloatArray prior_gradient(const std::string& name, const FloatArray& z, float scale) {
  const PriorKernels& prior = prior_of(name);
  Matrix rows = padded(z, "z"), gradient = poisoned(rows.view().rows, rows.view().cols);
  const MatView at = rows.view(), out = gradient.view();
  for (size_t r = 0; r < at.rows; ++r) {
    std::fill_n(out.row(r), out.cols, 0.0f);
    prior.add_gradient(scale, at.row(r), at.cols, out.row(r));
  }
  return dense_array(out);
}

FloatArray prior_draw(const std::string& name, uint64_t seed, size_t n_rows, size_t n_components,
                      uint32_t purpose) {
  Matrix out = poisoned(n_rows, n_components);
  std::vector<uint64_t> ids(n_rows);
  std::iota(ids.begin(), ids.end(), uint64_t{0});
  prior_of(name).draw(
      noise_rows(seed, stream(static_cast<Purpose>(purpose)), ids.data(), n_rows, 1, out.view()));
  return dense_array(out.view());
}

}  // namespace

void bind_latent(py::module_& m) {
  using py::arg;
  m.def("latent_sample", &latent_sample, arg("mean"), arg("log_var"), arg("noise"),
        arg("objective"));
  m.def("latent_backward", &latent_backward, arg("mean"), arg("log_var"), arg("noise"), arg("dz"),
        arg("f"), arg("objective"), arg("kl_weight") = 1.0f);
  m.def("posterior_sample", &posterior_sample, arg("name"), arg("prior"), arg("outputs"),
        arg("noise"), arg("closed_kl") = false);
  m.def("posterior_log_density", &posterior_log_density, arg("name"), arg("outputs"), arg("z"));
  m.def("posterior_recognize", &posterior_recognize, arg("name"), arg("outputs"), arg("z"));
  m.def("posterior_backward", &posterior_backward, arg("name"), arg("prior"), arg("outputs"),
        arg("noise"), arg("dz"), arg("weights"), arg("closed_kl") = false, arg("kl_weight") = 1.0f);
  m.def("posterior_moments", &posterior_moments, arg("name"), arg("outputs"));
  m.def("posterior_kl", &posterior_kl, arg("name"), arg("outputs"));
  m.def("prior_log_density", &prior_log_density, arg("name"), arg("z"));
  m.def("prior_gradient", &prior_gradient, arg("name"), arg("z"), arg("scale") = 1.0f);
  m.def("prior_draw", &prior_draw, arg("name"), arg("seed"), arg("n_rows"), arg("n_components"),
        arg("purpose") = static_cast<uint32_t>(Purpose::prior));
}

}  // namespace aevb::testing
