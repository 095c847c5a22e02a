#include "algorithms/monte_carlo_em.h"

#include <cmath>

#include "bind/checks.h"
#include "bind/signals.h"

namespace aevb::bind {
namespace {

// Chains that several Python threads may use.
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

py::tuple em_slice(BoundEm& self, BoundModel& model, const BoundTable& x, size_t begin, size_t size,
                   bool split, uint64_t epoch, size_t position, size_t max_steps,
                   double max_seconds, size_t n_train, std::vector<float> rate_factors,
                   int n_threads) {
  check_rows(model, x);
  check(x.table.n_rows() == self.z().rows, "X: want as many rows as there are chains");
  check(self.fits(model), "model: has another shape than when its chains were made");
  const EpochSlice slice = epoch_slice(x, begin, size, split, epoch, position, max_steps,
                                       max_seconds, n_train, std::move(rate_factors), n_threads);
  Cancellation cancellation = cancel_on_interrupt();
  Progress progress;
  {
    const Changing chains(self.access), weights(model.access);
    const py::gil_scoped_release nogil;
    progress = self.train(model, x.table, slice, cancellation);
  }
  return as_tuple(progress);
}

}  // namespace

void bind_monte_carlo_em(py::module_& m) {
  using py::arg;
  const auto read = [](auto get) {
    return [get](BoundEm& self) {
      const Reading reading(self.access);
      return get(self);
    };
  };
  py::class_<BoundEm>(
      m, "MonteCarloEm",
      "Chains of Monte Carlo EM, one for each row of X. They start at z (n_rows, J).")
      .def(py::init(&make_em), arg("model"), arg("z"), py::kw_only(), arg("n_leapfrog"),
           arg("target_accept"), arg("n_updates"))
      .def("copy", read([](const MonteCarloEm& self) { return std::make_unique<BoundEm>(self); }))
      .def("train", &em_slice, arg("model"), arg("X"), py::kw_only(), arg("begin"), arg("size"),
           arg("split"), arg("epoch"), arg("position"), arg("max_steps"), arg("max_seconds"),
           arg("n_train"), arg("rate_factors") = std::vector<float>(), arg("n_threads"),
           "Trains for a slice of an epoch, as Model.train does. log p(x, z) replaces the bound.")
      .def_property_readonly("z", read([](BoundEm& self) { return dense_array(self.z()); }),
                             "The states of the chains (n_rows, J).")
      .def_property_readonly("step_size",
                             read([](BoundEm& self) { return self.step_size().value(); }))
      .def_property(
          "step_state", read([](BoundEm& self) { return self.step_size().state(); }),
          [](BoundEm& self, const std::array<double, 5>& state) {
            for (const double value : state)
              check(std::isfinite(value), "step_state: has a value that is not finite");
            check(state[3] >= 0.0 && state[3] < 1e9, "step_state: its fourth value is not a count");
            const Changing changing(self.access);
            self.step_size().set_state(state);
          },
          "The state of the step size's adaptation, for a checkpoint.")
      .def_property_readonly("acceptance", read([](BoundEm& self) { return self.acceptance(); }));
}

}  // namespace aevb::bind
