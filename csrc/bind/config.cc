#include <limits>
#include <numeric>
#include <variant>

#include "bind/arrays.h"
#include "bind/names.h"
#include "model/network.h"

namespace aevb::bind {
namespace {

constexpr Name<Algorithm> kAlgorithms[] = {{"aevb", Algorithm::aevb},
                                           {"wake-sleep", Algorithm::wake_sleep},
                                           {"monte-carlo-em", Algorithm::monte_carlo_em}};
constexpr Name<Binarize> kBinarize[] = {
    {"none", Binarize::none}, {"threshold", Binarize::threshold}, {"dynamic", Binarize::dynamic}};

constexpr Name<WeightPosterior> kWeightPosteriors[] = {
    {"none", WeightPosterior::none},
    {"gaussian", WeightPosterior::gaussian},
    {"gaussian-decoder", WeightPosterior::gaussian_decoder}};

// The name of one likelihood for all columns; or for successive columns (name, number of columns),
// and (name, the number of levels of each variable) where the likelihood has levels.
using BlockSize = std::variant<size_t, std::vector<uint32_t>>;
using Columns = std::variant<std::string, std::vector<std::pair<std::string, BlockSize>>>;

std::vector<ColumnBlock> parse_columns(const Columns& likelihood, size_t n_visible) {
  const auto member = [](const std::string& name) {
    return parse("likelihood", name, kernels().likelihoods);
  };
  if (const auto* name = std::get_if<std::string>(&likelihood)) return {{member(*name), n_visible}};
  std::vector<ColumnBlock> columns;
  size_t n = 0;
  for (const auto& [name, size] : std::get<1>(likelihood)) {
    ColumnBlock block = {member(name), 0};
    if (const auto* levels = std::get_if<1>(&size)) {
      block.levels = *levels;
      block.n_columns = std::accumulate(levels->begin(), levels->end(), size_t{0});
    } else {
      block.n_columns = std::get<0>(size);
    }
    check(block.n_columns <= std::numeric_limits<size_t>::max() - n,
          "likelihood: got too many columns");
    n += block.n_columns;
    columns.push_back(std::move(block));
  }
  check(n == n_visible, "likelihood: got " + std::to_string(n) +
                            " columns, want n_visible = " + std::to_string(n_visible));
  return columns;
}

py::object columns_as_python(const Config& config) {
  const auto name = [](const ColumnBlock& block) {
    return std::string(kernels().likelihoods[block.likelihood].info.name);
  };
  if (config.columns.size() == 1 && config.columns[0].levels.empty())
    return py::str(name(config.columns[0]));
  py::list columns;
  for (const ColumnBlock& block : config.columns) {
    const std::string family = name(block);
    if (block.levels.empty()) {
      columns.append(py::make_tuple(family, block.n_columns));
    } else {
      columns.append(py::make_tuple(family, block.levels));
    }
  }
  return columns;
}

// "auto" is the standard prior of the posterior.
size_t parse_prior(const std::string& name, size_t posterior) {
  const bool is_auto = name == "auto";
  return parse("prior", is_auto ? kernels().posteriors[posterior].info.prior : name,
               kernels().priors);
}

Config make_config(size_t n_visible, size_t n_components, std::vector<size_t> hidden_layer_sizes,
                   const std::string& activation, const Columns& likelihood,
                   const std::string& bound_estimator, size_t n_draws, const std::string& optimizer,
                   float learning_rate, float weight_decay, float init_scale, size_t batch_size,
                   const std::string& binarize, uint64_t seed, const std::string& algorithm,
                   const std::string& posterior, const std::string& prior, double renyi_order,
                   float kl_weight, float free_bits, const std::string& weight_posterior,
                   bool mask_inputs) {
  Config config;
  config.n_latent = n_components;
  config.hidden = std::move(hidden_layer_sizes);
  config.activation = parse("activation", activation, kActivations);
  config.columns = parse_columns(likelihood, n_visible);
  config.posterior = parse("posterior", posterior, kernels().posteriors);
  config.prior = parse_prior(prior, config.posterior);
  config.objective = parse("bound_estimator", bound_estimator, kernels().objectives);
  config.n_draws = n_draws;
  config.renyi_order = renyi_order;
  config.kl_weight = kl_weight;
  config.free_bits = free_bits;
  config.optimizer = parse("optimizer", optimizer, kernels().optimizers);
  config.learning_rate = learning_rate;
  config.weight_decay = weight_decay;
  config.init_scale = init_scale;
  config.batch_size = batch_size;
  config.binarize = parse("binarize", binarize, kBinarize);
  config.seed = seed;
  config.algorithm = parse("algorithm", algorithm, kAlgorithms);
  config.weight_posterior = parse("weight_posterior", weight_posterior, kWeightPosteriors);
  config.mask_inputs = mask_inputs;
  config.validate();
  return config;
}

py::dict as_dict(const Config& config) {
  py::dict d;
  d["n_visible"] = config.n_visible();
  d["n_components"] = config.n_latent;
  d["hidden_layer_sizes"] = config.hidden;
  d["activation"] = name_of(config.activation, kActivations);
  d["likelihood"] = columns_as_python(config);
  d["bound_estimator"] = kernels().objectives[config.objective].name;
  d["n_draws"] = config.n_draws;
  d["optimizer"] = kernels().optimizers[config.optimizer].info.name;
  d["learning_rate"] = config.learning_rate;
  d["weight_decay"] = config.weight_decay;
  d["init_scale"] = config.init_scale;
  d["batch_size"] = config.batch_size;
  d["binarize"] = name_of(config.binarize, kBinarize);
  d["seed"] = config.seed;
  d["algorithm"] = name_of(config.algorithm, kAlgorithms);
  d["posterior"] = kernels().posteriors[config.posterior].info.name;
  d["prior"] = kernels().priors[config.prior].info.name;
  d["renyi_order"] = config.renyi_order;
  d["kl_weight"] = config.kl_weight;
  d["free_bits"] = config.free_bits;
  d["weight_posterior"] = name_of(config.weight_posterior, kWeightPosteriors);
  d["mask_inputs"] = config.mask_inputs;
  return d;
}

constexpr Name<Support> kSupports[] = {{"real", Support::real},
                                       {"positive", Support::positive},
                                       {"unit-interval", Support::unit_interval},
                                       {"open-unit-interval", Support::open_unit_interval},
                                       {"counts", Support::counts},
                                       {"levels", Support::levels}};

py::dict weight_shapes(const Config& config) {
  const Network network(config);
  py::dict shapes;
  for (const NamedWeights& named : network.named_weights()) {
    if (named.has_weight()) {
      shapes[py::str(named.name + ".weight")] =
          py::make_tuple(named.layer.n_in, named.outputs.size());
    }
    shapes[py::str(named.name + ".bias")] = py::make_tuple(named.outputs.size());
  }
  return shapes;
}

py::dict likelihoods() {
  py::dict found;
  for (const LikelihoodKernels& member : kernels().likelihoods) {
    const LikelihoodInfo& info = member.info;
    const std::vector<std::string> outputs(info.outputs, info.outputs + info.n_outputs);
    found[info.name] =
        py::make_tuple(name_of(info.support, kSupports), info.text, outputs, info.is_joint);
  }
  return found;
}

constexpr Name<LatentSupport> kLatentSupports[] = {{"real", LatentSupport::real},
                                                   {"positive", LatentSupport::positive},
                                                   {"unit-interval", LatentSupport::unit_interval},
                                                   {"simplex", LatentSupport::simplex}};

py::dict posteriors() {
  py::dict found;
  for (const PosteriorKernels& member : kernels().posteriors) {
    const PosteriorInfo& info = member.info;
    py::dict entry;
    entry["text"] = info.text;
    entry["support"] = name_of(info.support, kLatentSupports);
    entry["prior"] = info.prior;
    entry["noise"] = info.noise == LatentNoise::normal ? "normal" : "uniform";
    entry["n_noise"] = info.n_noise;
    entry["outputs"] = std::vector<std::string>(info.outputs, info.outputs + info.n_outputs);
    entry["has_kl"] = info.has_kl;
    entry["is_factorized"] = info.is_factorized;
    found[info.name] = entry;
  }
  return found;
}

py::dict priors() {
  py::dict found;
  for (const PriorKernels& member : kernels().priors)
    found[member.info.name] =
        py::make_tuple(name_of(member.info.support, kLatentSupports), member.info.text);
  return found;
}

py::dict objectives() {
  py::dict found;
  for (const ObjectiveInfo& member : kernels().objectives) found[member.name] = member.text;
  return found;
}

// The decoder outputs (n_outputs, D) of a model that ignores z, for the mean and the variance of
// each column.
DoubleArray starting_outputs(const std::string& likelihood, const std::vector<double>& mean,
                             const std::vector<double>& variance) {
  const auto& members = kernels().likelihoods;
  const LikelihoodInfo& info = members[parse("likelihood", likelihood, members)].info;
  check(!info.has_levels(), "likelihood: want one without levels");
  check(mean.size() == variance.size(), "variance: want as many values as mean has");
  DoubleArray out(
      {static_cast<py::ssize_t>(info.n_outputs), static_cast<py::ssize_t>(mean.size())});
  for (size_t c = 0; c < mean.size(); ++c) {
    double outputs[kMostOutputs];
    info.start(mean[c], variance[c], outputs);
    for (size_t o = 0; o < info.n_outputs; ++o)
      out.mutable_data()[o * mean.size() + c] = outputs[o];
  }
  return out;
}

// The same for one variable and the shares of its levels: an array for each output.
py::list starting_levels(const std::string& likelihood, const std::vector<double>& shares) {
  const auto& members = kernels().likelihoods;
  const LikelihoodInfo& info = members[parse("likelihood", likelihood, members)].info;
  check(info.has_levels() && !shares.empty(), "likelihood: want one with levels, and their shares");
  py::list outputs;
  double* out[kMostOutputs] = {};
  for (size_t o = 0; o < info.n_outputs; ++o) {
    const size_t n = info.width(o, shares.size(), 1);
    DoubleArray output(static_cast<py::ssize_t>(n));
    out[o] = output.mutable_data();
    outputs.append(output);
  }
  info.start_levels(shares.data(), shares.size(), out);
  return outputs;
}

py::dict catalogue() {
  const Kernels& k = kernels();
  py::dict families;
  families["likelihood"] = names_of(k.likelihoods);
  families["posterior"] = names_of(k.posteriors);
  families["prior"] = names_of(k.priors);
  families["objective"] = names_of(k.objectives);
  families["optimizer"] = names_of(k.optimizers);
  families["activation"] = names_of(kActivations);
  families["binarize"] = names_of(kBinarize);
  families["algorithm"] = names_of(kAlgorithms);
  families["weight_posterior"] = names_of(kWeightPosteriors);
  return families;
}

}  // namespace

void bind_config(py::module_& m) {
  py::class_<Config>(m, "Config", "What a model is and how it learns.")
      .def(py::init(&make_config), py::kw_only(), py::arg("n_visible"), py::arg("n_components"),
           py::arg("hidden_layer_sizes"), py::arg("activation"), py::arg("likelihood"),
           py::arg("bound_estimator"), py::arg("n_draws"), py::arg("optimizer"),
           py::arg("learning_rate"), py::arg("weight_decay"), py::arg("init_scale"),
           py::arg("batch_size"), py::arg("binarize"), py::arg("seed"),
           py::arg("algorithm") = "aevb", py::arg("posterior") = "gaussian",
           py::arg("prior") = "auto", py::arg("renyi_order") = 0.5, py::arg("kl_weight") = 1.0f,
           py::arg("free_bits") = 0.0f, py::arg("weight_posterior") = "none",
           py::arg("mask_inputs") = false)
      .def("as_dict", &as_dict, "The constructor's arguments, by name.")
      .def_property_readonly(
          "support", [](const Config& self) { return name_of(self.support(), kSupports); },
          "The values that data may have: 'real', 'unit-interval' or 'counts'.")
      .def_property_readonly("weight_shapes", &weight_shapes,
                             "The shape of every weight and bias by its name.");
  m.def("likelihoods", &likelihoods,
        "By a likelihood's name: the values of x that it accepts, a text on it, the names of the "
        "decoder's outputs, and whether all columns have one distribution.");
  m.def("posteriors", &posteriors, "What each posterior is, by its name.");
  m.def("priors", &priors, "By a prior's name: the support of z, and a text on it.");
  m.def("objectives", &objectives, "A text on each objective, by its name.");
  m.def("starting_outputs", &starting_outputs, py::arg("likelihood"), py::arg("mean"),
        py::arg("variance"),
        "The outputs (n_outputs, D) of a decoder that gives each column this mean and variance.");
  m.def("starting_levels", &starting_levels, py::arg("likelihood"), py::arg("shares"),
        "The outputs for a variable whose levels have these shares, whatever z is.");
  m.def("catalogue", &catalogue, "The names of the members of each family.");
}

}  // namespace aevb::bind
