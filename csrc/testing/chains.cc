// Leapfrog, step sizes and chains on a Gaussian.
#include "mcmc/chains.h"
#include "testing/hooks.h"

namespace aevb::testing {
namespace {

// A Gaussian of the given precision matrix.
class GaussianDensity {
 public:
  GaussianDensity(const FloatArray& precision) : precision_(as_matrix(precision, "precision")) {}
  void set_block(size_t, size_t) {}
  void operator()(ConstMatView z, double* log_p, MatView gradient) {
    for (size_t r = 0; r < z.rows; ++r) {
      double sum = 0.0;
      for (size_t i = 0; i < z.cols; ++i) {
        double product = 0.0;
        for (size_t j = 0; j < z.cols; ++j)
          product += static_cast<double>(precision_.row(i)[j]) * static_cast<double>(z.row(r)[j]);
        gradient.row(r)[i] = static_cast<float>(-product);
        sum -= 0.5 * product * static_cast<double>(z.row(r)[i]);
      }
      if (log_p != nullptr) log_p[r] = sum;
    }
  }

 private:
  ConstMatView precision_;
};

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
  return py::make_tuple(dense_array(at.view()), dense_array(v.view()));
}

// The step size after each transition with the given acceptance, then the frozen one.
std::vector<double> adapt_step_size(const std::string& rule, double target, double initial,
                                    const std::vector<double>& acceptances) {
  StepSize size(parse("rule", rule, kAdaptations), target, initial);
  std::vector<double> values;
  for (const double acceptance : acceptances) {
    size.adapt(acceptance);
    values.push_back(size.value());
  }
  size.freeze();
  values.push_back(size.value());
  return values;
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
  Cancellation cancellation([](double) {});
  chains.run(kernels(), densities, n, false, draws.mutable_data(), cancellation);
  return py::make_tuple(draws, chains.acceptance_sum(), chains.n_divergent());
}

}  // namespace

void bind_chains(py::module_& m) {
  using py::arg;
  m.def("adapt_step_size", &adapt_step_size, arg("rule"), arg("target"), arg("initial"),
        arg("acceptances"));
  m.def("gaussian_leapfrog", &gaussian_leapfrog, arg("precision"), arg("z"), arg("velocity"),
        arg("step"), arg("n"));
  m.def("gaussian_chains", &gaussian_chains, arg("precision"), arg("n_chains"), arg("n"),
        arg("step"), arg("n_leapfrog"), arg("seed"), arg("n_threads"));
}

}  // namespace aevb::testing
