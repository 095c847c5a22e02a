#include "vae/posterior.h"
#include "bind/arrays.h"
#include "mcmc/chains.h"

namespace aevb::bind {
namespace {

constexpr Name<Adaptation> kAdaptations[] = {{"dual-averaging", Adaptation::dual_averaging},
                                             {"multiplicative", Adaptation::multiplicative}};

// The posterior of the block of rows that the chains belong to.
class RowsPosterior {
 public:
  RowsPosterior(const Model& model, const Rows& rows, size_t most_rows)
      : density_(model, most_rows), rows_(rows) {}
  void set_block(size_t first, size_t n) { density_.set_rows(rows_, first, n); }
  void operator()(ConstMatView z, double* log_p, MatView gradient) { density_(z, log_p, gradient); }

 private:
  PosteriorDensity density_;
  const Rows& rows_;
};

template <class T>
py::array_t<T> as_array(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

// One chain for each row of X.
class PosteriorChains {
 public:
  PosteriorChains(const Model& model, const BoundRows& x, const FloatArray& z,
                  const HmcOptions& options)
      : model_(model), x_(x), chains_(x.rows.n_rows, model.config().n_latent, options) {
    check_shape(z, "z", {x.rows.n_rows, model.config().n_latent});
    for (size_t r = 0; r < chains_.size(); ++r) {
      std::memcpy(chains_.z().row(r), z.data() + r * model.config().n_latent,
                  model.config().n_latent * sizeof(float));
    }
  }

  FloatArray run(size_t n, bool adapt, bool keep, int n_threads) {
    check(n_threads >= 1, "n_threads: want at least 1");
    const size_t n_chains = chains_.size();
    const auto dim = [](size_t size) { return static_cast<py::ssize_t>(size); };
    FloatArray draws({dim(keep ? n : 0), dim(n_chains), dim(model_.config().n_latent)});
    float* out = keep ? draws.mutable_data() : nullptr;
    py::gil_scoped_release nogil;
    const size_t block = Chains::block_rows(n_chains, n_threads);
    const size_t team = std::min(static_cast<size_t>(n_threads), ceil_div(n_chains, block));
    std::vector<std::unique_ptr<RowsPosterior>> densities;
    for (size_t i = 0; i < team; ++i)
      densities.push_back(std::make_unique<RowsPosterior>(model_, x_.rows, block));
    chains_.run(kernels(), densities, n, adapt, out);
    return draws;
  }

  void freeze() { chains_.freeze(); }
  const Chains& chains() const { return chains_; }

 private:
  const Model& model_;
  BoundRows x_;
  Chains chains_;
};

std::unique_ptr<PosteriorChains> make_chains(const Model& model, const BoundRows& x,
                                             const FloatArray& z, size_t n_leapfrog,
                                             const std::string& adaptation, bool per_chain,
                                             double target_accept, uint64_t seed) {
  check(x.rows.n_rows >= 1, "X: got no rows, want at least 1");
  check(x.rows.n_cols == model.config().n_visible, "X: has other columns than the model");
  check(n_leapfrog >= 1, "n_leapfrog: got 0, want at least 1");
  check(target_accept > 0.0 && target_accept < 1.0, "target_accept: want a number in (0, 1)");
  return std::make_unique<PosteriorChains>(
      model, x, z,
      HmcOptions{.n_leapfrog = n_leapfrog,
                 .adaptation = parse("adaptation", adaptation, kAdaptations),
                 .per_chain = per_chain,
                 .target_accept = target_accept,
                 .seed = seed});
}

// A Gaussian of the given precision matrix, for the tests of leapfrog and transition.
class GaussianDensity {
 public:
  GaussianDensity(const FloatArray& precision) : precision_(as_matrix(precision, "precision")) {}
  void set_block(size_t, size_t) {}
  void operator()(ConstMatView z, double* log_p, MatView gradient) {
    for (size_t r = 0; r < z.rows; ++r) {
      log_p[r] = 0.0;
      for (size_t i = 0; i < z.cols; ++i) {
        double product = 0.0;
        for (size_t j = 0; j < z.cols; ++j)
          product += static_cast<double>(precision_.row(i)[j]) * static_cast<double>(z.row(r)[j]);
        gradient.row(r)[i] = static_cast<float>(-product);
        log_p[r] -= 0.5 * product * static_cast<double>(z.row(r)[i]);
      }
    }
  }

 private:
  ConstMatView precision_;
};

Matrix padded(const FloatArray& a, const char* name) {
  const ConstMatView from = as_matrix(a, name);
  Matrix m(from.rows, from.cols);
  for (size_t r = 0; r < from.rows; ++r)
    std::memcpy(m.view().row(r), from.row(r), from.cols * sizeof(float));
  return m;
}

py::tuple gaussian_leapfrog(const FloatArray& precision, const FloatArray& z,
                            const FloatArray& velocity, float step, size_t n) {
  const auto n_rows = static_cast<size_t>(z.shape(0)),
             dim = static_cast<size_t>(precision.shape(0));
  check_shape(precision, "precision", {dim, dim});
  check_shape(z, "z", {n_rows, dim});
  check_shape(velocity, "velocity", {n_rows, dim});
  GaussianDensity density(precision);
  Matrix at = padded(z, "z"), v = padded(velocity, "velocity");
  const MatView rows = at.view();
  Matrix gradient(rows.rows, rows.cols);
  std::vector<double> log_p(rows.rows);
  const std::vector<float> steps(rows.rows, step);
  density(rows, log_p.data(), gradient.view());
  leapfrog(density, rows, v.view(), gradient.view(), log_p.data(), steps.data(), n);
  return py::make_tuple(dense_array(at), dense_array(v));
}

// n transitions of n_chains chains from 0: (draws (n, n_chains, J), acceptance, divergences).
py::tuple gaussian_chains(const FloatArray& precision, size_t n_chains, size_t n, float step,
                          size_t n_leapfrog, uint64_t seed, int n_threads) {
  const auto dim = static_cast<size_t>(precision.shape(0));
  check_shape(precision, "precision", {dim, dim});
  check(n_chains >= 1 && n_threads >= 1, "n_chains, n_threads: want at least 1");
  Chains chains(n_chains, dim, {.n_leapfrog = n_leapfrog, .initial_step = step, .seed = seed});
  std::vector<std::unique_ptr<GaussianDensity>> densities;
  for (int i = 0; i < n_threads; ++i)
    densities.push_back(std::make_unique<GaussianDensity>(precision));
  FloatArray draws({static_cast<py::ssize_t>(n), static_cast<py::ssize_t>(n_chains),
                    static_cast<py::ssize_t>(dim)});
  chains.run(kernels(), densities, n, false, draws.mutable_data());
  return py::make_tuple(draws, chains.acceptance_sum(), chains.n_divergent());
}

}  // namespace

void bind_posterior(py::module_& m) {
  using py::arg;
  py::class_<PosteriorChains>(m, "PosteriorChains",
                              "HMC chains on p(z|x), one for each row of X, from z on.")
      .def(py::init(&make_chains), py::keep_alive<1, 2>(), arg("model"), arg("X"), arg("z"),
           py::kw_only(), arg("n_leapfrog"), arg("adaptation"), arg("per_chain"),
           arg("target_accept"), arg("seed"))
      .def("run", &PosteriorChains::run, arg("n"), py::kw_only(), arg("adapt"), arg("keep"),
           arg("n_threads"), "n transitions; draws (n, rows, J), if kept.")
      .def("freeze", &PosteriorChains::freeze, "Ends the adaptation; counting begins.")
      .def_property_readonly(
          "step_size", [](const PosteriorChains& self) { return as_array(self.chains().step()); })
      .def_property_readonly(
          "acceptance_sum",
          [](const PosteriorChains& self) { return as_array(self.chains().acceptance_sum()); })
      .def_property_readonly("n_divergent", [](const PosteriorChains& self) {
        return as_array(self.chains().n_divergent());
      });
  py::module_ k = m.attr("kernels");
  k.def("gaussian_leapfrog", &gaussian_leapfrog, arg("precision"), arg("z"), arg("velocity"),
        arg("step"), arg("n"));
  k.def("gaussian_chains", &gaussian_chains, arg("precision"), arg("n_chains"), arg("n"),
        arg("step"), arg("n_leapfrog"), arg("seed"), arg("n_threads"));
}

}  // namespace aevb::bind
