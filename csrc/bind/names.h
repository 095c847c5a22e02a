// The names that Python uses for the core's enumerations.
#pragma once

#include <string>
#include <vector>

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
inline const char* name_of_member(const LikelihoodKernels& member) { return member.info.name; }
inline const char* name_of_member(const OptimizerKernels& member) { return member.info.name; }
inline const char* name_of_member(const ObjectiveInfo& info) { return info.name; }
inline const char* name_of_member(const PosteriorInfo& info) { return info.name; }
inline const char* name_of_member(const PriorInfo& info) { return info.name; }

// Whether users may choose a member.
template <class T>
bool is_choice(const T&) {
  return true;
}
inline bool is_choice(const OptimizerKernels& member) { return member.info.moves_weights; }

template <class T>
std::vector<std::string> names_of(const Members<T>& members) {
  std::vector<std::string> names;
  for (const T& member : members) {
    if (is_choice(member)) names.emplace_back(name_of_member(member));
  }
  return names;
}

// The index of a family's member in its list.
template <class T>
size_t parse(const char* argument, const std::string& got, const Members<T>& members) {
  for (size_t i = 0; i < members.size; ++i) {
    if (is_choice(members[i]) && got == name_of_member(members[i])) return i;
  }
  std::string want;
  for (const std::string& name : names_of(members))
    want += (want.empty() ? "'" : ", '") + name + "'";
  throw std::invalid_argument(std::string(argument) + ": got '" + got + "', want one of " + want);
}

inline constexpr Name<Adaptation> kAdaptations[] = {{"dual-averaging", Adaptation::dual_averaging},
                                                    {"multiplicative", Adaptation::multiplicative}};

}  // namespace aevb::bind
