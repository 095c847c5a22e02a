// The list of likelihoods p(x|z).
#pragma once

#include "families/likelihoods/bernoulli.h"
#include "families/likelihoods/beta.h"
#include "families/likelihoods/bounded_gaussian.h"
#include "families/likelihoods/categorical.h"
#include "families/likelihoods/continuous_bernoulli.h"
#include "families/likelihoods/gamma.h"
#include "families/likelihoods/gaussian.h"
#include "families/likelihoods/laplace.h"
#include "families/likelihoods/log_normal.h"
#include "families/likelihoods/multinomial.h"
#include "families/likelihoods/negative_binomial.h"
#include "families/likelihoods/negative_binomial_per_cell.h"
#include "families/likelihoods/ordinal.h"
#include "families/likelihoods/poisson.h"
#include "families/likelihoods/student_t.h"
#include "families/likelihoods/zero_inflated_negative_binomial.h"
#include "families/likelihoods/zero_inflated_poisson.h"

namespace aevb::AEVB_ISA {
namespace {

using Likelihoods = List<     //
    Bernoulli,                //
    Gaussian,                 //
    BoundedGaussian,          //
    Poisson,                  //
    NegativeBinomial,         //
    NegativeBinomialPerCell,  //
    ZeroInflatedPoisson,      //
    ZeroInflatedNegativeBinomial,
    StudentT,   //
    Laplace,    //
    LogNormal,  //
    Gamma,      //
    Beta,       //
    ContinuousBernoulli>;
// Those of columns that have a distribution together.
using GroupLikelihoods = List<  //
    Multinomial,                //
    Categorical,                //
    Ordinal>;

}  // namespace
}  // namespace aevb::AEVB_ISA
