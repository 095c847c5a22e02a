#include <algorithm>
#include <numeric>

#include "algorithms/monte_carlo_em.h"
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
    {"mean", ImputeBy::mean}, {"sample", ImputeBy::sample}, {"map", ImputeBy::mode}};

// The posterior of the block of rows that the chains belong to.
class RowsPosterior {
 public:
  RowsPosterior(const Model& model, const BoundRows& x, size_t most_rows)
      : density_(model, most_rows), rows_(x.rows), index_(most_rows) {}
  void set_block(size_t first, size_t n) {
    std::iota(index_.begin(), index_.end(), static_cast<int64_t>(first));
    density_.set_rows(rows_, index_.data(), n);
  }
  void operator()(ConstMatView z, double* log_p, MatView gradient) { density_(z, log_p, gradient); }

 private:
  PosteriorDensity density_;
  const Rows& rows_;
  std::vector<int64_t> index_;
};

template <class T>
py::array_t<T> as_array(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

// One chain for each row of X.
class PosteriorChains {
 public:
  PosteriorChains(BoundModel& model, const BoundRows& x, const FloatArray& z,
                  const HmcOptions& options, bool by_content)
      : model_(model), x_(x), chains_(x.rows.n_rows, model.config().n_latent, options) {
    if (by_content) {
      std::vector<int64_t> index(x.rows.n_rows);
      std::iota(index.begin(), index.end(), int64_t{0});
      content_ids(model, x.rows, index.data(), index.size(), chains_.ids());
    }
    check_shape(z, "z", {x.rows.n_rows, model.config().n_latent});
    for (size_t r = 0; r < chains_.size(); ++r) {
      std::memcpy(chains_.z().row(r), z.data() + r * model.config().n_latent,
                  model.config().n_latent * sizeof(float));
    }
  }

  FloatArray run(size_t n, bool adapt, bool keep, int n_threads, const py::object& progress) {
    check_threads(n_threads);
    check(n < kMostIterations - chains_.n_done(),
          "n: want fewer than 2^24 transitions in all, for noise of their own");
    const Reading reading(model_.access);
    const size_t n_chains = chains_.size();
    const auto dim = [](size_t size) { return static_cast<py::ssize_t>(size); };
    FloatArray draws({dim(keep ? n : 0), dim(n_chains), dim(model_.config().n_latent)});
    float* out = keep ? draws.mutable_data() : nullptr;
    Cancellation cancellation = cancel_on_signal(progress);
    py::gil_scoped_release nogil;
    const size_t block = Chains::block_rows(n_chains, n_threads);
    const size_t team = std::min(static_cast<size_t>(n_threads), ceil_div(n_chains, block));
    std::vector<std::unique_ptr<RowsPosterior>> densities;
    for (size_t i = 0; i < team; ++i)
      densities.push_back(std::make_unique<RowsPosterior>(model_, x_, block));
    chains_.run(kernels(), densities, n, adapt, out, cancellation);
    return draws;
  }

  void freeze() { chains_.freeze(); }
  const Chains& chains() const { return chains_; }

 private:
  BoundModel& model_;
  BoundRows x_;
  Chains chains_;
};

std::unique_ptr<PosteriorChains> make_chains(BoundModel& model, const BoundRows& x,
                                             const FloatArray& z, size_t n_leapfrog,
                                             const std::string& adaptation, bool per_chain,
                                             double target_accept, uint64_t seed, bool by_content) {
  check_rows(model, x);
  check(x.rows.n_rows >= 1, "X: got no rows, want at least 1");
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

py::tuple anneal_rows(BoundModel& model, const BoundRows& x, const std::vector<double>& beta,
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
    annealed_likelihood(model, x.rows, subset, options, from, out, n_threads, cancellation);
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

// Chains that several Python threads may have.
struct BoundEm : MonteCarloEm {
  using MonteCarloEm::MonteCarloEm;
  explicit BoundEm(const MonteCarloEm& other) : MonteCarloEm(other) {}
  Access access;
};

std::unique_ptr<BoundEm> make_em(BoundModel& model, const FloatArray& z, size_t n_leapfrog,
                                 double target_accept, size_t n_updates) {
  const ConstMatView start = as_matrix(z, "z", model.config().n_latent);
  check(start.rows >= 1, "z: got no rows, want at least 1");
  check(n_leapfrog >= 1 && n_updates >= 1, "n_leapfrog, n_updates: want at least 1");
  check(target_accept > 0.0 && target_accept < 1.0, "target_accept: want a number in (0, 1)");
  return std::make_unique<BoundEm>(model, start, EmOptions{n_leapfrog, target_accept, n_updates});
}

// Content ids of the rows at `index`.
py::array_t<uint64_t> row_ids(BoundModel& model, const BoundRows& x,
                              const std::vector<int64_t>& index) {
  check_rows(model, x);
  for (const int64_t row : index)
    check(row >= 0 && static_cast<size_t>(row) < x.rows.n_rows, "index: out of the rows of X");
  py::array_t<uint64_t> ids(static_cast<py::ssize_t>(index.size()));
  uint64_t* out = ids.mutable_data();
  const Reading reading(model.access);
  py::gil_scoped_release nogil;
  content_ids(model, x.rows, index.data(), index.size(), out);
  return ids;
}

py::tuple em_slice(BoundEm& self, BoundModel& model, const BoundRows& x, size_t begin, size_t size,
                   bool split, uint64_t epoch, size_t position, size_t max_steps,
                   double max_seconds, size_t n_train, int n_threads) {
  check_rows(model, x);
  check(x.rows.n_rows == self.z().rows, "X: has other rows than there are chains");
  check(self.fits(model), "model: has another shape than when its chains were made");
  const EpochSlice slice = epoch_slice(x, begin, size, split, epoch, position, max_steps,
                                       max_seconds, n_train, n_threads);
  Cancellation cancellation = cancel_on_interrupt();
  Progress progress;
  {
    const Changing chains(self.access), weights(model.access);
    const py::gil_scoped_release nogil;
    progress = self.train(model, x.rows, slice, cancellation);
  }
  return as_tuple(progress);
}

FloatArray impute_rows(BoundModel& model, const BoundRows& x, const py::array_t<bool>& missing,
                       const std::string& method, size_t n_iterations, uint64_t seed, int n_threads,
                       const py::object& progress) {
  check_rows(model, x);
  check_encoder(model);
  check_threads(n_threads);
  check(x.rows.n_rows >= 1, "X: got no rows, want at least 1");
  check(n_iterations >= 1 && n_iterations < kMostIterations,
        "n_iterations: want at least 1 and fewer than 2^24");
  const auto n_rows = static_cast<py::ssize_t>(x.rows.n_rows),
             n_cols = static_cast<py::ssize_t>(x.rows.n_cols);
  check(missing.ndim() == 2 && missing.shape(0) == n_rows && missing.shape(1) == n_cols,
        [&] { return "mask: got shape " + shape_of(missing) + ", want that of X"; });
  check((missing.flags() & py::array::c_style) != 0, "mask: want a C-contiguous array");
  const Imputation options = {parse("method", method, kImputeBy), n_iterations, seed};
  FloatArray filled = new_matrix(x.rows.n_rows, x.rows.n_cols);
  const Reading reading(model.access);
  float* out = filled.mutable_data();
  Cancellation cancellation = cancel_on_signal(progress);
  {
    py::gil_scoped_release nogil;
    impute(model, x.rows, missing.data(), options, out, n_threads, cancellation);
  }
  return filled;
}

}  // namespace

void bind_posterior(py::module_& m) {
  using py::arg;
  py::class_<PosteriorChains>(m, "PosteriorChains",
                              "HMC chains on p(z|x), one for each row of X, from z on.")
      .def(py::init(&make_chains), py::keep_alive<1, 2>(), arg("model"), arg("X"), arg("z"),
           py::kw_only(), arg("n_leapfrog"), arg("adaptation"), arg("per_chain"),
           arg("target_accept"), arg("seed"), arg("by_content") = false)
      .def("run", &PosteriorChains::run, arg("n"), py::kw_only(), arg("adapt"), arg("keep"),
           arg("n_threads"), arg("progress") = py::none(),
           "n transitions; draws (n, rows, J), if kept. After an exception out of it the chains "
           "are of no more use.")
      .def("freeze", &PosteriorChains::freeze, "Ends the adaptation; counting begins.")
      .def_property_readonly(
          "step_size", [](const PosteriorChains& self) { return as_array(self.chains().step()); })
      .def_property_readonly(
          "acceptance_sum",
          [](const PosteriorChains& self) { return as_array(self.chains().acceptance_sum()); })
      .def_property_readonly("n_divergent", [](const PosteriorChains& self) {
        return as_array(self.chains().n_divergent());
      });
  const auto read = [](auto get) {
    return [get](BoundEm& self) {
      const Reading reading(self.access);
      return get(self);
    };
  };
  py::class_<BoundEm>(m, "MonteCarloEm",
                      "Chains of Monte Carlo EM, one for each row of X, from z (n_rows, J) on.")
      .def(py::init(&make_em), arg("model"), arg("z"), py::kw_only(), arg("n_leapfrog"),
           arg("target_accept"), arg("n_updates"))
      .def("copy", read([](const MonteCarloEm& self) { return std::make_unique<BoundEm>(self); }))
      .def("train", &em_slice, arg("model"), arg("X"), py::kw_only(), arg("begin"), arg("size"),
           arg("split"), arg("epoch"), arg("position"), arg("max_steps"), arg("max_seconds"),
           arg("n_train"), arg("n_threads"),
           "Part of an epoch, as Model.train; log p(x, z) stands for the bound.")
      .def_property_readonly("z", read([](BoundEm& self) { return dense_array(self.z()); }),
                             "Where the chains stand: (n_rows, J).")
      .def_property_readonly("step_size",
                             read([](BoundEm& self) { return self.step_size().value(); }))
      .def_property(
          "step_state", read([](BoundEm& self) { return self.step_size().state(); }),
          [](BoundEm& self, const std::array<double, 5>& state) {
            for (const double value : state) check(std::isfinite(value), "step_state: not finite");
            check(state[3] >= 0.0 && state[3] < 1e9, "step_state: not a count");
            const Changing changing(self.access);
            self.step_size().set_state(state);
          },
          "The adaptation of the step size, for a run that goes on elsewhere.")
      .def_property_readonly("acceptance", read([](BoundEm& self) { return self.acceptance(); }));
  m.def(
      "anneal", &anneal_rows, arg("model"), arg("X"), arg("beta"), arg("exact"), py::kw_only(),
      arg("begin"), arg("size"), arg("split"), arg("n_leapfrog"), arg("n_draws"),
      arg("from_encoder"), arg("seed"), arg("n_threads"), arg("progress") = py::none(),
      "(log p(x), its standard error, effective number of chains, acceptance, where a chain drawn "
      "by its weight ends (rows, J)) per row; back from the posterior draws `exact` (rows, J), if "
      "given.");
  m.def("impute", &impute_rows, arg("model"), arg("X"), arg("missing"), py::kw_only(),
        arg("method"), arg("n_iterations"), arg("seed"), arg("n_threads"),
        arg("progress") = py::none(),
        "Rows with what is missing filled in (rows, D); the rest of them is of no use.");
  m.def("content_ids", &row_ids, arg("model"), arg("X"), arg("index"),
        "Hashes of the contents of some rows.");
  m.def("fitted_log_density", &fitted_densities, arg("fit"), arg("at"), py::kw_only(),
        arg("n_threads"),
        "Log of the density fitted to each row's draws (n, rows, J), at others: (n, rows).");
}

}  // namespace aevb::bind
