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

[[noreturn]] inline void throw_unknown(const char* argument, const std::string& got,
                                       const std::vector<std::string>& names) {
  std::string want;
  for (const std::string& name : names) want += (want.empty() ? "'" : ", '") + name + "'";
  throw std::invalid_argument(std::string(argument) + ": got '" + got + "', want one of " + want);
}

template <class E, size_t N>
std::vector<std::string> names_of(const Name<E> (&entries)[N]) {
  std::vector<std::string> names;
  for (const auto& entry : entries) names.emplace_back(entry.name);
  return names;
}

template <class E, size_t N>
E parse(const char* argument, const std::string& got, const Name<E> (&entries)[N]) {
  for (const auto& entry : entries) {
    if (got == entry.name) return entry.value;
  }
  throw_unknown(argument, got, names_of(entries));
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

// The description of a member, which a member with kernels holds beside them.
template <class T>
const auto& info_of(const T& member) {
  if constexpr (requires { member.info; }) {
    return member.info;
  } else {
    return member;
  }
}

// Whether users may choose a member.
template <class T>
bool is_choice(const T& member) {
  if constexpr (requires { info_of(member).moves_weights; }) {
    return info_of(member).moves_weights;
  } else {
    return true;
  }
}

template <class T>
std::vector<std::string> names_of(const Members<T>& members) {
  std::vector<std::string> names;
  for (const T& member : members) {
    if (is_choice(member)) names.emplace_back(info_of(member).name);
  }
  return names;
}

// The index of a family's member in its list.
template <class T>
size_t parse(const char* argument, const std::string& got, const Members<T>& members) {
  for (size_t i = 0; i < members.size; ++i) {
    if (is_choice(members[i]) && got == info_of(members[i]).name) return i;
  }
  throw_unknown(argument, got, names_of(members));
}

inline constexpr Name<Adaptation> kAdaptations[] = {{"dual-averaging", Adaptation::dual_averaging},
                                                    {"multiplicative", Adaptation::multiplicative}};

}  // namespace aevb::bind
