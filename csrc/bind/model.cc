#include <algorithm>
#include <cmath>

#include "algorithms/loop.h"
#include "bind/inference.h"
#include "bind/names.h"
#include "bind/signals.h"
#include "engine/pass.h"
#include "inference/inference.h"

namespace aevb::bind {
namespace {

constexpr Name<Role> kRoleNames[] = {{"weights", Role::value},
                                     {"state1", Role::state1},
                                     {"state2", Role::state2},
                                     {"log_sd", Role::log_sd},
                                     {"log_sd_state1", Role::log_sd_state1},
                                     {"log_sd_state2", Role::log_sd_state2},
                                     {"prior_mean", Role::prior_mean},
                                     {"prior_log_sd", Role::prior_log_sd}};

// The weights that have a value in an arena of this role.
std::vector<NamedWeights> names_in(const Network& network, Role role) {
  return role < Role::log_sd ? network.named_weights() : network.named_weights(network.variational);
}

py::dict unpack_arena(const Network& network, const float* arena, Role role = Role::value) {
  py::dict arrays;
  if (arena == nullptr) return arrays;  // the model has no such arena
  for (const NamedWeights& entry : names_in(network, role)) {
    FloatArray weight = new_matrix(entry.layer.n_in, entry.outputs.size());
    FloatArray bias(static_cast<py::ssize_t>(entry.outputs.size()));
    unpack(entry, arena, weight.mutable_data(), bias.mutable_data());
    if (entry.has_weight()) arrays[py::str(entry.name + ".weight")] = weight;
    arrays[py::str(entry.name + ".bias")] = bias;
  }
  return arrays;
}

std::unique_ptr<BoundModel> make_model(const Config& config, std::vector<double> location,
                                       std::vector<double> scale, double log_jacobian,
                                       std::vector<double> log_jacobians,
                                       std::vector<size_t> places, std::vector<uint32_t> levels) {
  if (log_jacobians.empty()) log_jacobians.resize(scale.size());
  const Units units(std::move(location), std::move(scale), log_jacobian, std::move(log_jacobians),
                    {std::move(places), std::move(levels)});
  Cancellation cancellation = cancel_on_signal(py::none());
  const py::gil_scoped_release nogil;
  return std::make_unique<BoundModel>(config, units, cancellation);
}

std::unique_ptr<BoundModel> copy_model(BoundModel& self) {
  const Reading reading(self.access);
  Cancellation cancellation = cancel_on_signal(py::none());
  const py::gil_scoped_release nogil;
  return std::make_unique<BoundModel>(self, cancellation);
}

// A model whose weights are a draw from the posterior of this one's.
std::unique_ptr<BoundModel> draw_model(BoundModel& self, uint64_t seed, uint64_t index,
                                       int n_threads) {
  const Reading reading(self.access);
  check_threads(n_threads);
  Config config = self.config();
  config.weight_posterior = WeightPosterior::none;
  Cancellation cancellation = cancel_on_signal(py::none());
  const py::gil_scoped_release nogil;
  auto drawn = std::make_unique<BoundModel>(config, self.units(), cancellation);
  float* weights = drawn->parameters().data(Role::value);
  run_team(n_threads, [&](const Member& member) {
    draw_weights(kernels(), self, Purpose::drawn_weights, {seed, index}, weights, member);
  });
  return drawn;
}

// Changes the model between two calls that train.
template <class F>
void change(BoundModel& self, F f) {
  const Changing changing(self.access);
  f(self);
}

py::dict get_arrays(BoundModel& model, const std::string& which) {
  const Reading reading(model.access);
  const Role role = parse("which", which, kRoleNames);
  return unpack_arena(model.network(), model.parameters().data(role), role);
}

// One value per column of the data; without units every column has `otherwise`.
DoubleArray unit_array(const Model& model, const double* values, double otherwise) {
  const size_t n = model.config().n_variables();
  DoubleArray array(static_cast<py::ssize_t>(n));
  if (values == nullptr || model.units().size() == 0) {
    std::fill_n(array.mutable_data(), n, otherwise);
  } else {
    std::copy_n(values, n, array.mutable_data());
  }
  return array;
}

py::tuple get_units(const BoundModel& model) {
  const Units& units = model.units();
  const std::vector<double>& own = units.log_jacobians();
  const DoubleArray log_jacobians = unit_array(model, own.empty() ? nullptr : own.data(), 0.0);
  return py::make_tuple(unit_array(model, units.location(), 0.0),
                        unit_array(model, units.scale(), 1.0), units.log_jacobian(), log_jacobians,
                        units.layout().places, units.layout().levels);
}

// Configuration, counts and arrays of one moment.
py::dict get_state(BoundModel& model) {
  const Reading reading(model.access);
  py::dict state;
  state["config"] = py::cast(model.config()).attr("as_dict")();
  state["units"] = get_units(model);
  state["n_steps"] = model.n_steps;
  state["n_samples_seen"] = model.n_samples_seen;
  state["bound_sum"] = model.bound_sum;
  state["seconds"] = model.seconds;
  for (const auto& [name, role] : kRoleNames)
    state[name] = unpack_arena(model.network(), model.parameters().data(role), role);
  return state;
}

// A count that Python may set. Reading and setting it wait for the end of a training call.
template <class T>
void def_count(py::class_<BoundModel>& model, const char* name, T Model::* count) {
  model.def_property(
      name,
      [count](BoundModel& self) {
        const Reading reading(self.access);
        return self.*count;
      },
      [count](BoundModel& self, T value) {
        const Changing changing(self.access);
        self.*count = value;
      });
}

FloatArray array_of(const py::dict& arrays, const std::string& name) {
  check(arrays.contains(name), "'" + name + "' is missing");
  FloatArray array = FloatArray::ensure(arrays[py::str(name)]);
  if (!array) throw py::error_already_set();
  return array;
}

// Checks every array before it copies the first, so a failed call changes nothing.
void set_arrays(BoundModel& model, const py::dict& arrays, const std::string& which) {
  const Role role = parse("which", which, kRoleNames);
  const bool is_prior = role >= Role::prior_mean;
  const bool has_arena =
      is_prior ? model.has_weight_posterior() : model.parameters().data(role) != nullptr;
  if (arrays.empty() && (is_prior || !has_arena)) return;
  check(has_arena, which + (role < Role::log_sd ? ": the optimizer has no such accumulator"
                                                : ": the model has no such arrays"));
  // Sums of squares of Adagrad or Adam, of which square roots are taken.
  const size_t optimizer = model.config().optimizer;
  const size_t accumulator =
      static_cast<size_t>(role) % static_cast<size_t>(Role::log_sd);  // 0: none
  const bool squares =
      !is_prior && accumulator > 0 && accumulator == kernels().optimizers[optimizer].info.squares;
  const auto check_squares = [&](const FloatArray& a, const std::string& name) {
    const auto negative = [](float value) { return value < 0.0f; };
    check(!squares || std::none_of(a.data(), a.data() + a.size(), negative),
          which + "/" + name + ": has values below 0, want sums of squares");
  };
  const std::vector<NamedWeights> named = names_in(model.network(), role);
  std::vector<std::pair<FloatArray, FloatArray>> values;  // weight and bias
  size_t n_arrays = 0;
  const auto take = [&](const std::string& name, std::initializer_list<size_t> shape) {
    FloatArray array = array_of(arrays, name);
    check_shape(array, name.c_str(), shape);
    check_squares(array, name);
    ++n_arrays;
    return array;
  };
  for (const NamedWeights& entry : named) {
    const size_t n_in = entry.layer.n_in, n = entry.outputs.size();
    values.emplace_back(entry.has_weight() ? take(entry.name + ".weight", {n_in, n}) : FloatArray(),
                        take(entry.name + ".bias", {n}));
  }
  check(arrays.size() == n_arrays, which + ": got " + std::to_string(arrays.size()) +
                                       " arrays, want " + std::to_string(n_arrays));
  const Changing changing(model.access);  // from here on no Python code runs
  if (model.parameters().data(role) == nullptr) model.parameters().allocate(role);
  float* arena = model.parameters().data(role);
  for (size_t i = 0; i < named.size(); ++i)
    pack(named[i], values[i].first.data(), values[i].second.data(), arena);
}

// Changes how a fitted model learns. What it is stays fixed.
void set_config(BoundModel& model, const Config& config) {
  const Changing changing(model.access);
  const Config& now = model.config();
  check(config.columns == now.columns && config.n_latent == now.n_latent &&
            config.hidden == now.hidden && config.activation == now.activation &&
            config.optimizer == now.optimizer && config.algorithm == now.algorithm &&
            config.posterior == now.posterior && config.prior == now.prior &&
            config.weight_posterior == now.weight_posterior &&
            config.mask_inputs == now.mask_inputs,
        "config: the shape of the network, its activation, the likelihood, the posterior, the "
        "prior, the algorithm, the optimizer and the weight posterior of a fitted model are fixed");
  config.validate();
  model.mutable_config() = config;
}

// Calls the methods join(totals) and sum(values) of a Python object. They replace the numbers of an
// array by their sums.
Exchange exchange_by(const py::object& object) {
  return Exchange(
      [&object](StepTotals& totals) {
        const py::gil_scoped_acquire gil;
        py::array_t<double> values(4);
        auto v = values.mutable_unchecked<1>();
        v(0) = totals.n_failed, v(1) = totals.n_ending, v(2) = totals.rows, v(3) = totals.bound;
        object.attr("join")(values);
        totals = {v(0), v(1), v(2), v(3)};
      },
      [&object](const Gradient& values) {
        const py::gil_scoped_acquire gil;
        const py::capsule owner(new Gradient(values),
                                [](void* kept) { delete static_cast<Gradient*>(kept); });
        object.attr("sum")(
            FloatArray(static_cast<py::ssize_t>(values->size()), values->data(), owner));
      });
}

void check_exchange(const Model& model) {
  check(model.config().algorithm == Algorithm::aevb && !model.has_weight_posterior(),
        "exchange: want a model that is trained by SGVB, without a weight posterior");
}

// Calls f with a view of the weights and of each array of the optimizer. A view keeps the model.
void for_each_array(BoundModel& self, const py::function& f) {
  const Changing changing(self.access);
  for (const Role role : kRoles) {
    float* values = self.parameters().data(role);
    if (role >= Role::prior_mean || values == nullptr) continue;
    f(FloatArray(static_cast<py::ssize_t>(self.parameters().size()), values, py::cast(self)));
  }
}

py::tuple train_slice(BoundModel& self, const BoundTable& x, size_t begin, size_t size, bool split,
                      uint64_t epoch, size_t position, size_t max_steps, double max_seconds,
                      size_t n_train, std::vector<float> rate_factors,
                      std::vector<float> kl_factors, int n_threads, size_t rank,
                      const py::object& exchange) {
  check_rows(self, x);
  check_encoder(self);
  check(kl_factors.empty() || kl_factors.size() >= max_steps, "kl_factors: want one per minibatch");
  EpochSlice slice = epoch_slice(x, begin, size, split, epoch, position, max_steps, max_seconds,
                                 n_train, std::move(rate_factors), n_threads);
  slice.kl_factors = std::move(kl_factors);
  slice.rank = rank;
  if (!exchange.is_none()) check_exchange(self);
  Exchange with_others = exchange_by(exchange);
  Cancellation cancellation = cancel_on_interrupt();
  Progress progress;
  {
    const Changing changing(self.access);
    // x keeps its arrays alive, and only the cancellation runs Python code.
    const py::gil_scoped_release nogil;
    progress =
        train(self, x.table, slice, cancellation, exchange.is_none() ? nullptr : &with_others);
  }
  with_others.rethrow();
  return as_tuple(progress);
}

py::tuple bound_gradient(BoundModel& self, const BoundTable& x,
                         const std::optional<FloatArray>& noise, uint64_t seed, float kl_weight,
                         int n_threads) {
  const Reading reading(self.access);
  check_rows(self, x);
  check_encoder(self);
  check_threads(n_threads);
  if (noise) {
    const size_t n_noise = kernels().posteriors[self.config().posterior].info.n_noise;
    check_shape(*noise, "noise",
                {self.config().n_draws, x.table.n_rows(), n_noise * self.config().n_latent});
  }
  check(std::isfinite(kl_weight) && kl_weight >= 0, "kl_weight: want a finite number >= 0");
  const float* eps = noise ? noise->data() : nullptr;
  DoubleArray value(static_cast<py::ssize_t>(x.table.n_rows()));
  double* out = value.mutable_data();
  Buffer<float> gradient(self.network().arena_size);
  Cancellation cancellation = cancel_on_signal(py::none());
  {
    py::gil_scoped_release nogil;
    bound_and_gradient(self, x.table, eps, seed, out, gradient.data(), kl_weight, n_threads,
                       cancellation);
  }
  return py::make_tuple(value, unpack_arena(self.network(), gradient.data()));
}

// What a weight posterior adds, and the optimizer's memory.
void def_weight_posterior(py::class_<BoundModel>& model) {
  using py::arg;
  model
      .def_property_readonly(
          "weight_kl",
          [](BoundModel& self) {
            const Reading reading(self.access);
            return self.weight_kl();
          },
          "KL(q(theta) || p(theta)) in nats.")
      .def(
          "keep_posterior_as_prior",
          [](BoundModel& self) { change(self, [](Model& m) { m.keep_posterior_as_prior(); }); },
          "Makes the weight posterior of now the prior of each weight.")
      .def(
          "scale_squares",
          [](BoundModel& self, float factor) {
            check(factor >= 0 && factor <= 1, "factor: want a number in [0, 1]");
            change(self, [factor](Model& m) { m.scale_squares(factor); });
          },
          arg("factor"), "Multiplies the optimizer's sums of squares.")
      .def("draw", &draw_model, py::kw_only(), arg("seed"), arg("index"), arg("n_threads"),
           "A model whose weights are draw number `index` from the weight posterior.");
}

// The constructor, and what it has got beside the configuration.
void def_units(py::class_<BoundModel>& model) {
  using py::arg;
  model
      .def(py::init(&make_model), arg("config"), arg("location") = std::vector<double>(),
           arg("scale") = std::vector<double>(), arg("log_jacobian") = 0.0,
           arg("log_jacobians") = std::vector<double>(), arg("places") = std::vector<size_t>(),
           arg("levels") = std::vector<uint32_t>(),
           "The model reads (x - location) * scale. log_jacobian is added to every log density; "
           "log_jacobians are its parts by column. places and levels say where the columns of the "
           "data stand in x.")
      .def_property_readonly("units", &get_units,
                             "(location, scale, log_jacobian, log_jacobians, places, levels)");
}

}  // namespace

void bind_model(py::module_& m) {
  using py::arg;
  py::class_<Claim>(m, "Claim")
      .def("__enter__", [](const py::object& self) { return self; })
      .def("__exit__", [](Claim& self, const py::args&) { self.release(); });
  py::class_<BoundModel> model(m, "Model",
                               "A model: encoder, decoder and the optimizer's accumulators.");
  def_count(model, "n_steps", &Model::n_steps);
  def_count(model, "n_samples_seen", &Model::n_samples_seen);
  def_count(model, "bound_sum", &Model::bound_sum);
  def_count(model, "seconds", &Model::seconds);
  def_units(model);
  model.def("copy", &copy_model)
      .def(
          "__deepcopy__", [](BoundModel& self, const py::dict&) { return copy_model(self); },
          arg("memo"))
      .def_property(
          "config", [](const BoundModel& self) { return self.config(); }, &set_config)
      .def_property_readonly(
          "finite",
          [](BoundModel& self) {
            const Reading reading(self.access);
            return self.finite();
          },
          "Whether every weight and accumulator is finite.")
      .def(
          "training",
          [](const py::object& self) { return Claim(self.cast<BoundModel&>().access, self); },
          "A context in which no other thread can change the model. RuntimeError if another "
          "thread is in one.")
      .def(
          "restore",
          [](BoundModel& self, BoundModel& other) {
            const Reading reading(other.access);
            const Changing changing(self.access);
            self.restore(other);
          },
          arg("other"),
          "Copies the weights and accumulators of another model of this shape; the counts stay.")
      .def("state", &get_state,
           "The configuration, the counts and the named arrays of each arena, of one moment.")
      .def("arrays", &get_arrays, arg("which"),
           "Named arrays: 'weights', the optimizer's 'state1' or 'state2'; of a weight posterior "
           "'log_sd', 'log_sd_state1', 'log_sd_state2', 'prior_mean' and 'prior_log_sd'.")
      .def("set_arrays", &set_arrays, arg("arrays"), arg("which"))
      .def("train", &train_slice, arg("X"), py::kw_only(), arg("begin"), arg("size"), arg("split"),
           arg("epoch"), arg("position"), arg("max_steps"), arg("max_seconds"), arg("n_train"),
           arg("rate_factors") = std::vector<float>(), arg("kl_factors") = std::vector<float>(),
           arg("n_threads"), arg("rank") = 0, arg("exchange") = py::none(),
           "Trains for a slice of an epoch. Returns (minibatches, rows, sum of the bound over the "
           "rows, diverged, seconds per phase).")
      .def("for_each_array", &for_each_array, arg("f"),
           "Calls f with a view of the weights and of each array of the optimizer.");
  def_weight_posterior(model);
  def_inference(model);
  model.def("bound_and_gradient", &bound_gradient, arg("X"), arg("noise"), py::kw_only(),
            arg("seed"), arg("kl_weight") = 1.0f, arg("n_threads"));
}

}  // namespace aevb::bind
