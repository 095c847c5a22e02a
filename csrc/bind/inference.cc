#include "bind/inference.h"

#include "bind/signals.h"
#include "inference/importance.h"
#include "inference/prediction.h"
#include "posterior/density.h"

namespace aevb::bind {
namespace {

// The means of q(z|x). The standard deviations go into *deviation, unless it is null.
FloatArray encode_both(BoundModel& self, const BoundTable& x, FloatArray* deviation,
                       int n_threads) {
  const Reading reading(self.access);
  check_rows(self, x);
  check_encoder(self);
  check_threads(n_threads);
  const size_t n = x.table.n_rows(), n_latent = self.config().n_latent;
  FloatArray mean = new_matrix(n, n_latent);
  if (deviation != nullptr) *deviation = new_matrix(n, n_latent);
  float* mean_out = mean.mutable_data();
  float* deviation_out = deviation == nullptr ? nullptr : deviation->mutable_data();
  Cancellation cancellation = cancel_on_signal(py::none());
  py::gil_scoped_release nogil;
  encode(self, x.table, mean_out, deviation_out, n_threads, cancellation);
  return mean;
}

FloatArray encode_rows(BoundModel& self, const BoundTable& x, int n_threads) {
  return encode_both(self, x, nullptr, n_threads);
}

py::tuple posterior_rows(BoundModel& self, const BoundTable& x, int n_threads) {
  FloatArray deviation;
  FloatArray mean = encode_both(self, x, &deviation, n_threads);
  return py::make_tuple(mean, deviation);
}

FloatArray drawn_rows(BoundModel& self, const BoundTable& x, uint64_t seed, int n_threads) {
  const Reading reading(self.access);
  check_rows(self, x);
  check_encoder(self);
  check_threads(n_threads);
  FloatArray z = new_matrix(x.table.n_rows(), self.config().n_latent);
  float* out = z.mutable_data();
  Cancellation cancellation = cancel_on_signal(py::none());
  py::gil_scoped_release nogil;
  draw_encoded(self, x.table, seed, out, n_threads, cancellation);
  return z;
}

FloatArray decode_rows(BoundModel& self, const FloatArray& z, int n_threads) {
  const Reading reading(self.access);
  check_threads(n_threads);
  const ConstMatView view = as_matrix(z, "Z", self.config().n_latent);
  FloatArray mean = new_matrix(view.rows, self.config().n_visible());
  float* out = mean.mutable_data();
  Cancellation cancellation = cancel_on_signal(py::none());
  py::gil_scoped_release nogil;
  decode(self, view, out, n_threads, cancellation);
  return mean;
}

py::tuple sample_rows(BoundModel& self, size_t n, uint64_t seed, int n_threads) {
  const Reading reading(self.access);
  check_threads(n_threads);
  FloatArray x = new_matrix(n, self.config().n_visible());
  FloatArray z = new_matrix(n, self.config().n_latent);
  float* x_out = x.mutable_data();
  float* z_out = z.mutable_data();
  Cancellation cancellation = cancel_on_signal(py::none());
  {
    py::gil_scoped_release nogil;
    sample(self, seed, n, x_out, z_out, n_threads, cancellation);
  }
  return py::make_tuple(x, z);
}

py::tuple bound_rows(BoundModel& self, const BoundTable& x, size_t begin, size_t size, bool split,
                     size_t n_draws, uint64_t seed, int n_threads) {
  const Reading reading(self.access);
  check_rows(self, x);
  check_encoder(self);
  check_threads(n_threads);
  check(n_draws >= 1, "n_draws: got 0, want at least 1");
  const Subset subset = subset_of(x, begin, size, split);
  const auto n = static_cast<py::ssize_t>(size);
  DoubleArray value(n), variance(n), kl(n);
  const BoundRows out = {value.mutable_data(), variance.mutable_data(), kl.mutable_data()};
  Cancellation cancellation = cancel_on_signal(py::none());
  {
    py::gil_scoped_release nogil;
    bound(self, x.table, subset, n_draws, seed, out, n_threads, cancellation);
  }
  return py::make_tuple(value, variance, kl);
}

// The mean over the rows of KL(q(z_j|x) || p(z_j)) for each component j.
DoubleArray component_kl(BoundModel& self, const BoundTable& x, size_t n_draws, uint64_t seed,
                         int n_threads) {
  const Reading reading(self.access);
  check_rows(self, x);
  check_encoder(self);
  check_threads(n_threads);
  check(n_draws >= 1, "n_draws: got 0, want at least 1");
  check(x.table.n_rows() >= 1, "X: got no rows, want at least 1");
  DoubleArray mean(static_cast<py::ssize_t>(self.config().n_latent));
  double* out = mean.mutable_data();
  Cancellation cancellation = cancel_on_signal(py::none());
  py::gil_scoped_release nogil;
  component_divergence(self, x.table, n_draws, seed, out, n_threads, cancellation);
  return mean;
}

py::tuple importance_rows(BoundModel& self, const BoundTable& x, size_t begin, size_t size,
                          size_t n_draws, size_t n_adaptations, uint64_t seed, int n_threads,
                          const py::object& progress) {
  const Reading reading(self.access);
  check_rows(self, x);
  check_encoder(self);
  check_threads(n_threads);
  check(n_draws >= 1, "n_draws: got 0, want at least 1");
  const PosteriorInfo& posterior = kernels().posteriors[self.config().posterior].info;
  check(n_adaptations == 0 || posterior.support == LatentSupport::real, [&] {
    return "n_adaptations: got " + std::to_string(n_adaptations) +
           ", want 0, since the posterior '" + posterior.name + "' is not on the whole real line";
  });
  const Subset subset = subset_of(x, begin, size, false);
  Cancellation cancellation = cancel_on_signal(progress);
  const auto n = static_cast<py::ssize_t>(size);
  DoubleArray log_p(n), std_error(n), n_effective(n);
  const LikelihoodRows out = {log_p.mutable_data(), std_error.mutable_data(),
                              n_effective.mutable_data()};
  {
    py::gil_scoped_release nogil;
    importance(self, x.table, subset, n_draws, n_adaptations, seed, out, n_threads, cancellation);
  }
  return py::make_tuple(log_p, std_error, n_effective);
}

py::tuple predicted_rows(BoundModel& self, const BoundTable& x, const py::array_t<uint64_t>& ids,
                         size_t n_draws, size_t n_adaptations, size_t n_samples, bool with_mean,
                         bool with_deviation, uint64_t seed, int n_threads,
                         const py::object& progress) {
  const Reading reading(self.access);
  check_rows(self, x);
  check_encoder(self);
  check_threads(n_threads);
  check(n_draws >= 1, "n_draws: got 0, want at least 1");
  check(with_mean || !with_deviation, "deviation: want it with the mean");
  const size_t n = x.table.n_rows(), n_visible = self.config().n_visible();
  check(n >= 1, "X: got no rows, want at least 1");
  check(ids.ndim() == 1 && static_cast<size_t>(ids.shape(0)) == n &&
            (ids.flags() & py::array::c_style) != 0,
        [&] { return "ids: got shape " + shape_of(ids) + ", want one for each row of X"; });
  FloatArray mean = new_matrix(with_mean ? n : 0, n_visible);
  FloatArray deviation = new_matrix(with_deviation ? n : 0, n_visible);
  FloatArray samples({static_cast<py::ssize_t>(n_samples), static_cast<py::ssize_t>(n),
                      static_cast<py::ssize_t>(n_visible)});
  DoubleArray n_effective(static_cast<py::ssize_t>(n));
  const PredictedRows out = {with_mean ? mean.mutable_data() : nullptr,
                             with_deviation ? deviation.mutable_data() : nullptr,
                             samples.mutable_data(), n_effective.mutable_data()};
  const uint64_t* row_ids = ids.data();
  Cancellation cancellation = cancel_on_signal(progress);
  {
    py::gil_scoped_release nogil;
    predict(self, x.table, row_ids, {n_draws, n_adaptations, n_samples, seed}, out, n_threads,
            cancellation);
  }
  return py::make_tuple(mean, deviation, samples, n_effective);
}

// The z of coordinates u (n, J).
FloatArray latent_of(BoundModel& self, const FloatArray& u) {
  const ConstMatView view = as_matrix(u, "u", self.config().n_latent);
  FloatArray z = new_matrix(view.rows, view.cols);
  for (size_t r = 0; r < view.rows; ++r)
    coordinates_of(self).to_latent(view.row(r), view.cols, z.mutable_data() + r * view.cols);
  return z;
}

// Coordinates u of z (n, J). On the simplex, the sum of their exponentials is J.
FloatArray coordinates_at(BoundModel& self, const FloatArray& z) {
  const ConstMatView view = as_matrix(z, "z", self.config().n_latent);
  FloatArray u = new_matrix(view.rows, view.cols);
  for (size_t r = 0; r < view.rows; ++r) {
    coordinates_of(self).from_latent(view.row(r), view.cols, static_cast<double>(view.cols),
                                     u.mutable_data() + r * view.cols);
  }
  return u;
}

DoubleArray log_joint_rows(BoundModel& self, const BoundTable& x, const FloatArray& z,
                           int n_threads) {
  const Reading reading(self.access);
  check_rows(self, x);
  check_threads(n_threads);
  check(x.table.n_rows() >= 1, "X: got no rows, want at least 1");
  check(z.ndim() == 3, [&] { return "z: got shape " + shape_of(z) + ", want three dimensions"; });
  const auto n_draws = static_cast<size_t>(z.shape(0));
  check_shape(z, "z", {n_draws, x.table.n_rows(), self.config().n_latent});
  DoubleArray value({z.shape(0), z.shape(1)});
  double* out = value.mutable_data();
  const float* draws = z.data();
  Cancellation cancellation = cancel_on_signal(py::none());
  py::gil_scoped_release nogil;
  log_joint(self, x.table, draws, n_draws, out, n_threads, cancellation);
  return value;
}

}  // namespace

void def_inference(py::class_<BoundModel>& model) {
  using py::arg;
  model.def("encode", &encode_rows, arg("X"), py::kw_only(), arg("n_threads"))
      .def("posterior", &posterior_rows, arg("X"), py::kw_only(), arg("n_threads"),
           "Means and standard deviations of q(z|x).")
      .def("draw_encoded", &drawn_rows, arg("X"), py::kw_only(), arg("seed"), arg("n_threads"),
           "One draw of q(z|x) for each row.")
      .def("decode", &decode_rows, arg("Z"), py::kw_only(), arg("n_threads"))
      .def("sample", &sample_rows, arg("n"), py::kw_only(), arg("seed"), arg("n_threads"),
           "Draws x ~ p(x|z) and their z ~ p(z).")
      .def("bound", &bound_rows, arg("X"), py::kw_only(), arg("begin"), arg("size"), arg("split"),
           arg("n_draws"), arg("seed"), arg("n_threads"),
           "(bound, its variance over the noise, KL divergence of q(z|x)) per row of the subset.")
      .def("component_kl", &component_kl, arg("X"), py::kw_only(), arg("n_draws"), arg("seed"),
           arg("n_threads"),
           "The mean over the rows of KL(q(z_j|x) || p(z_j)) for each component j of z.")
      .def("importance", &importance_rows, arg("X"), py::kw_only(), arg("begin"), arg("size"),
           arg("n_draws"), arg("n_adaptations"), arg("seed"), arg("n_threads"),
           arg("progress") = py::none(),
           "(log p(x), its standard error, effective number of draws) per row.")
      .def("predict", &predicted_rows, arg("X"), arg("ids"), py::kw_only(), arg("n_draws"),
           arg("n_adaptations"), arg("n_samples"), arg("mean"), arg("deviation"), arg("seed"),
           arg("n_threads"), arg("progress") = py::none(),
           "(E[x | x_observed], standard deviation of x, draws of x (n_samples, rows, n_visible), "
           "effective number of draws) per row. Without mean or deviation that has no rows.")
      .def("log_joint", &log_joint_rows, arg("X"), arg("z"), py::kw_only(), arg("n_threads"),
           "log p(x, u) of coordinates u of z (draws, rows, J): (draws, rows).")
      .def("latent", &latent_of, arg("u"), "The z of coordinates u (n, J), in which chains move.")
      .def("coordinates", &coordinates_at, arg("z"), "Coordinates u of z (n, J).");
}

}  // namespace aevb::bind
