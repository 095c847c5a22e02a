// The names that Python uses for the core's enumerations.
#pragma once

#include <string>

#include "base/check.h"
#include "kernels/kernels.h"
#include "mcmc/step_size.h"

namespace aevb::bind {

template <class E>
struct Name {
  const char* name;
  E value;
};

template <class E, size_t N>
E parse(const char* argument, const std::string& got, const Name<E> (&names)[N]) {
  std::string want;
  for (const auto& entry : names) {
    if (got == entry.name) return entry.value;
    want += (want.empty() ? "'" : ", '") + std::string(entry.name) + "'";
  }
  throw std::invalid_argument(std::string(argument) + ": got '" + got + "', want one of " + want);
}

template <class E, size_t N>
const char* name_of(E value, const Name<E> (&names)[N]) {
  for (const auto& entry : names) {
    if (value == entry.value) return entry.name;
  }
  return "";
}

inline constexpr Name<Activation> kActivations[] = {{"identity", Activation::identity},
                                                    {"tanh", Activation::tanh},
                                                    {"relu", Activation::relu},
                                                    {"softplus", Activation::softplus},
                                                    {"sigmoid", Activation::sigmoid}};
inline constexpr Name<Objective> kObjectives[] = {{"analytic-kl", Objective::analytic_kl},
                                                  {"monte-carlo", Objective::monte_carlo},
                                                  {"score-function", Objective::score_function}};
inline constexpr Name<Optimizer> kOptimizers[] = {
    {"sgd", Optimizer::sgd}, {"adagrad", Optimizer::adagrad}, {"adam", Optimizer::adam}};

inline constexpr Name<Adaptation> kAdaptations[] = {{"dual-averaging", Adaptation::dual_averaging},
                                                    {"multiplicative", Adaptation::multiplicative}};

}  // namespace aevb::bind
