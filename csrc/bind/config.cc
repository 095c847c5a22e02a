#include "model/config.h"
#include "bind/arrays.h"
#include "bind/names.h"

namespace aevb::bind {
namespace {

constexpr Name<Likelihood> kLikelihoods[] = {{"bernoulli", Likelihood::bernoulli},
                                             {"gaussian", Likelihood::gaussian},
                                             {"bounded-gaussian", Likelihood::bounded_gaussian}};
constexpr Name<Algorithm> kAlgorithms[] = {{"aevb", Algorithm::aevb},
                                           {"wake-sleep", Algorithm::wake_sleep},
                                           {"monte-carlo-em", Algorithm::monte_carlo_em}};
constexpr Name<Binarize> kBinarize[] = {
    {"none", Binarize::none}, {"threshold", Binarize::threshold}, {"dynamic", Binarize::dynamic}};

Config make_config(size_t n_visible, size_t n_components, std::vector<size_t> hidden_layer_sizes,
                   const std::string& activation, const std::string& likelihood,
                   const std::string& bound_estimator, size_t n_draws, const std::string& optimizer,
                   float learning_rate, float weight_decay, float init_scale, size_t batch_size,
                   const std::string& binarize, uint64_t seed, const std::string& algorithm) {
  Config config;
  config.n_visible = n_visible;
  config.n_latent = n_components;
  config.hidden = std::move(hidden_layer_sizes);
  config.activation = parse("activation", activation, kActivations);
  config.likelihood = parse("likelihood", likelihood, kLikelihoods);
  config.objective = parse("bound_estimator", bound_estimator, kObjectives);
  config.n_draws = n_draws;
  config.optimizer = parse("optimizer", optimizer, kOptimizers);
  config.learning_rate = learning_rate;
  config.weight_decay = weight_decay;
  config.init_scale = init_scale;
  config.batch_size = batch_size;
  config.binarize = parse("binarize", binarize, kBinarize);
  config.seed = seed;
  config.algorithm = parse("algorithm", algorithm, kAlgorithms);
  config.validate();
  return config;
}

py::dict as_dict(const Config& config) {
  py::dict d;
  d["n_visible"] = config.n_visible;
  d["n_components"] = config.n_latent;
  d["hidden_layer_sizes"] = config.hidden;
  d["activation"] = name_of(config.activation, kActivations);
  d["likelihood"] = name_of(config.likelihood, kLikelihoods);
  d["bound_estimator"] = name_of(config.objective, kObjectives);
  d["n_draws"] = config.n_draws;
  d["optimizer"] = name_of(config.optimizer, kOptimizers);
  d["learning_rate"] = config.learning_rate;
  d["weight_decay"] = config.weight_decay;
  d["init_scale"] = config.init_scale;
  d["batch_size"] = config.batch_size;
  d["binarize"] = name_of(config.binarize, kBinarize);
  d["seed"] = config.seed;
  d["algorithm"] = name_of(config.algorithm, kAlgorithms);
  return d;
}

}  // namespace

void bind_config(py::module_& m) {
  py::class_<Config>(m, "Config", "What a model is and how it learns.")
      .def(py::init(&make_config), py::kw_only(), py::arg("n_visible"), py::arg("n_components"),
           py::arg("hidden_layer_sizes"), py::arg("activation"), py::arg("likelihood"),
           py::arg("bound_estimator"), py::arg("n_draws"), py::arg("optimizer"),
           py::arg("learning_rate"), py::arg("weight_decay"), py::arg("init_scale"),
           py::arg("batch_size"), py::arg("binarize"), py::arg("seed"),
           py::arg("algorithm") = "aevb")
      .def("as_dict", &as_dict, "The constructor's arguments.")
      .def_property_readonly("wants_unit_interval", &Config::wants_unit_interval,
                             "Whether data must lie in [0, 1]: as probabilities, or as pixels that "
                             "are not first made 0 or 1.");
}

}  // namespace aevb::bind
