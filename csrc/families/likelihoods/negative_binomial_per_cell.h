// Negative binomial whose dispersion is a function of z, too.
#pragma once

#include "families/likelihoods/negative_binomial.h"

namespace aevb::AEVB_ISA {
namespace {

struct NegativeBinomialPerCell : NegativeBinomial {
  static constexpr LikelihoodInfo info = {"negative-binomial-per-cell",
                                          "negative binomial with a log mean and a log dispersion "
                                          "per value, for counts",
                                          Support::counts,
                                          2,
                                          {"log_mean", "log_dispersion"},
                                          start};
};

}  // namespace
}  // namespace aevb::AEVB_ISA
