// The list of likelihoods p(x|z).
#pragma once

#include "families/likelihoods/bernoulli.h"
#include "families/likelihoods/bounded_gaussian.h"
#include "families/likelihoods/categorical.h"
#include "families/likelihoods/gaussian.h"
#include "families/likelihoods/ordinal.h"
#include "families/likelihoods/poisson.h"

namespace aevb::AEVB_ISA {
namespace {

using Likelihoods = List<  //
    Bernoulli,             //
    Gaussian,              //
    BoundedGaussian,       //
    Poisson>;
using LevelLikelihoods = List<  //
    Categorical,                //
    Ordinal>;

}  // namespace
}  // namespace aevb::AEVB_ISA
