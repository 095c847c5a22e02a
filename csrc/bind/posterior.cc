#include <algorithm>
#include <numeric>

#include "bind/arrays.h"
#include "bind/checks.h"
#include "bind/names.h"
#include "bind/signals.h"
#include "mcmc/chains.h"
#include "posterior/annealed_likelihood.h"
#include "posterior/density.h"
#include "posterior/imputation.h"
#include "posterior/kernel_density.h"

namespace aevb::bind {
namespace {

constexpr Name<ImputeBy> kImputeBy[] = {
    {"mean", ImputeBy::mean}, {"sample", ImputeBy::sample}, {"mode", ImputeBy::mode}};

template <class T>
py::array_t<T> as_array(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

// HMC chains on p(z|x), one for each row of X.
class PosteriorChains {
 public:
  PosteriorChains(BoundModel& model, const BoundTable& x, const FloatArray& z,
                  const HmcOptions& options, bool by_content)
      : model_(model), x_(x), chains_(x.table.n_rows(), model.config().n_latent, options) {
    if (by_content) {
      std::vector<int64_t> index(x.table.n_rows());
      std::iota(index.begin(), index.end(), int64_t{0});
      content_ids(model, x.table, index.data(), index.size(), chains_.ids());
    }
    check_shape(z, "z", {x.table.n_rows(), model.config().n_latent});
    for (size_t r = 0; r < chains_.size(); ++r) {
      std::memcpy(chains_.z().row(r), z.data() + r * model.config().n_latent,
                  model.config().n_latent * sizeof(float));
    }
  }

  FloatArray run(size_t n, bool adapt, bool keep, int n_threads, const py::object& progress) {
    check_threads(n_threads);
    check(n < kMostIterations - chains_.n_done(),
          "n: want fewer than 2^24 transitions in total, so that each has its own noise");
    const Reading reading(model_.access);
    const size_t n_chains = chains_.size();
    const auto dim = [](size_t size) { return static_cast<py::ssize_t>(size); };
    FloatArray draws({dim(keep ? n : 0), dim(n_chains), dim(model_.config().n_latent)});
    float* out = keep ? draws.mutable_data() : nullptr;
    Cancellation cancellation = cancel_on_signal(progress);
    py::gil_scoped_release nogil;
    const size_t block = Chains::block_rows(n_chains, n_threads);
    const size_t team = std::min(static_cast<size_t>(n_threads), ceil_div(n_chains, block));
    TransposedDecoder transposed(model_);
    transposed.make(kernels(), model_.weights());
    std::vector<std::unique_ptr<TablePosterior>> densities;
    for (size_t i = 0; i < team; ++i)
      densities.push_back(std::make_unique<TablePosterior>(model_, transposed, x_.table, block));
    chains_.run(kernels(), densities, n, adapt, out, cancellation);
    return draws;
  }

  void freeze() { chains_.freeze(); }
  const Chains& chains() const { return chains_; }

 private:
  BoundModel& model_;
  BoundTable x_;
  Chains chains_;
};

std::unique_ptr<PosteriorChains> make_chains(BoundModel& model, const BoundTable& x,
                                             const FloatArray& z, size_t n_leapfrog,
                                             const std::string& adaptation, bool per_chain,
                                             double target_accept, uint64_t seed, bool by_content) {
  check_rows(model, x);
  check(x.table.n_rows() >= 1, "X: got no rows, want at least 1");
  check(n_leapfrog >= 1, "n_leapfrog: got 0, want at least 1");
  check(target_accept > 0.0 && target_accept < 1.0, "target_accept: want a number in (0, 1)");
  const Reading reading(model.access);
  return std::make_unique<PosteriorChains>(
      model, x, z,
      HmcOptions{.n_leapfrog = n_leapfrog,
                 .adaptation = parse("adaptation", adaptation, kAdaptations),
                 .per_chain = per_chain,
                 .target_accept = target_accept,
                 .seed = seed},
      by_content);
}

py::tuple anneal_rows(BoundModel& model, const BoundTable& x, const std::vector<double>& beta,
                      const std::optional<FloatArray>& exact, size_t begin, size_t size, bool split,
                      size_t n_leapfrog, size_t n_chains, bool from_encoder, uint64_t seed,
                      int n_threads, const py::object& progress) {
  check_rows(model, x);
  check_threads(n_threads);
  check(n_leapfrog >= 1 && n_chains >= 1, "n_leapfrog, n_draws: want at least 1");
  check(beta.size() >= 2 && beta.front() == 0.0 && beta.back() == 1.0 &&
            std::is_sorted(beta.begin(), beta.end()),
        "beta: want at least two numbers that rise from 0 to 1");
  check(beta.size() < kMostIterations, "n_temperatures: want fewer than 2^24");
  check(!from_encoder || model.network().has_encoder(), "start: the model has no encoder");
  const Subset subset = subset_of(x, begin, size, split);
  if (exact) check_shape(*exact, "exact", {size, model.config().n_latent});
  const Annealing options = {beta, n_leapfrog, n_chains, from_encoder, seed};
  const auto n = static_cast<py::ssize_t>(size);
  DoubleArray log_p(n), std_error(n), n_effective(n), acceptance(n);
  FloatArray z = new_matrix(size, model.config().n_latent);
  const AnnealedRows out = {
      {log_p.mutable_data(), std_error.mutable_data(), n_effective.mutable_data()},
      acceptance.mutable_data(),
      z.mutable_data()};
  const float* from = exact ? exact->data() : nullptr;
  const Reading reading(model.access);
  Cancellation cancellation = cancel_on_signal(progress);
  {
    py::gil_scoped_release nogil;
    annealed_likelihood(model, x.table, subset, options, from, out, n_threads, cancellation);
  }
  return py::make_tuple(log_p, std_error, n_effective, acceptance, z);
}

DoubleArray fitted_densities(const FloatArray& fit, const FloatArray& at, int n_threads) {
  check_threads(n_threads);
  check(fit.ndim() == 3 && at.ndim() == 3, "fit, at: want three dimensions");
  const auto n_fit = static_cast<size_t>(fit.shape(0)), n_at = static_cast<size_t>(at.shape(0));
  const auto n_rows = static_cast<size_t>(fit.shape(1)), dim = static_cast<size_t>(fit.shape(2));
  check(n_fit >= 2, "fit: want at least two draws");
  check_shape(at, "at", {n_at, n_rows, dim});
  DoubleArray log_q({at.shape(0), at.shape(1)});
  double* out = log_q.mutable_data();
  Cancellation cancellation = cancel_on_signal(py::none());
  py::gil_scoped_release nogil;
  fitted_log_density(fit.data(), n_fit, at.data(), n_at, n_rows, dim, out, n_threads, cancellation);
  return log_q;
}

// Content ids of the rows at `index`.
py::array_t<uint64_t> row_ids(BoundModel& model, const BoundTable& x,
                              const std::vector<int64_t>& index) {
  check_rows(model, x);
  for (const int64_t row : index)
    check(row >= 0 && static_cast<size_t>(row) < x.table.n_rows(),
          "index: has a row that X does not have");
  py::array_t<uint64_t> ids(static_cast<py::ssize_t>(index.size()));
  uint64_t* out = ids.mutable_data();
  const Reading reading(model.access);
  py::gil_scoped_release nogil;
  content_ids(model, x.table, index.data(), index.size(), out);
  return ids;
}

FloatArray impute_rows(BoundModel& model, const BoundTable& x, const std::string& method,
                       size_t n_starts, size_t n_iterations, uint64_t seed, int n_threads,
                       const py::object& progress) {
  check_rows(model, x);
  check_encoder(model);
  check_threads(n_threads);
  check(x.table.n_rows() >= 1, "X: got no rows, want at least 1");
  check(n_starts >= 1 && n_starts <= kMostStarts, [&] {
    return "n_starts: got " + std::to_string(n_starts) + ", want from 1 to " +
           std::to_string(kMostStarts);
  });
  check(n_iterations >= 1 && n_iterations < kMostIterations,
        "n_iterations: want at least 1 and fewer than 2^24");
  const Imputation options = {parse("method", method, kImputeBy), n_starts, n_iterations, seed};
  FloatArray filled = new_matrix(x.table.n_rows(), model.config().n_visible());
  const Reading reading(model.access);
  float* out = filled.mutable_data();
  Cancellation cancellation = cancel_on_signal(progress);
  {
    py::gil_scoped_release nogil;
    impute(model, x.table, options, out, n_threads, cancellation);
  }
  return filled;
}

}  // namespace

void bind_posterior(py::module_& m) {
  using py::arg;
  py::class_<PosteriorChains>(m, "PosteriorChains",
                              "HMC chains on p(z|x), one for each row of X. They start at z.")
      .def(py::init(&make_chains), py::keep_alive<1, 2>(), arg("model"), arg("X"), arg("z"),
           py::kw_only(), arg("n_leapfrog"), arg("adaptation"), arg("per_chain"),
           arg("target_accept"), arg("seed"), arg("by_content") = false)
      .def("run", &PosteriorChains::run, arg("n"), py::kw_only(), arg("adapt"), arg("keep"),
           arg("n_threads"), arg("progress") = py::none(),
           "Runs n transitions. Returns the draws (n, rows, J) if `keep` is true. "
           "After an exception the chains are unusable.")
      .def("freeze", &PosteriorChains::freeze,
           "Ends the adaptation of the step sizes, and starts to count.")
      .def_property_readonly(
          "step_size", [](const PosteriorChains& self) { return as_array(self.chains().step()); })
      .def_property_readonly(
          "acceptance_sum",
          [](const PosteriorChains& self) { return as_array(self.chains().acceptance_sum()); })
      .def_property_readonly("n_divergent", [](const PosteriorChains& self) {
        return as_array(self.chains().n_divergent());
      });
  m.def(
      "anneal", &anneal_rows, arg("model"), arg("X"), arg("beta"), arg("exact"), py::kw_only(),
      arg("begin"), arg("size"), arg("split"), arg("n_leapfrog"), arg("n_draws"),
      arg("from_encoder"), arg("seed"), arg("n_threads"), arg("progress") = py::none(),
      "Per row: (log p(x), its standard error, effective number of chains, acceptance, end of a "
      "chain drawn by its weight (rows, J)). With posterior draws `exact` (rows, J), the chains go "
      "back from these.");
  m.def("impute", &impute_rows, arg("model"), arg("X"), py::kw_only(), arg("method"),
        arg("n_starts"), arg("n_iterations"), arg("seed"), arg("n_threads"),
        arg("progress") = py::none(),
        "Rows of x (rows, n_visible) with the missing values filled in. Use only these values.");
  m.def("content_ids", &row_ids, arg("model"), arg("X"), arg("index"),
        "Hashes of the contents of some rows.");
  m.def("fitted_log_density", &fitted_densities, arg("fit"), arg("at"), py::kw_only(),
        arg("n_threads"),
        "Fits a density to each row's draws `fit` (n, rows, J); returns its log at the draws `at`: "
        "(n, rows).");
}

}  // namespace aevb::bind
