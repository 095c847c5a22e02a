// The list of priors p(z).
#pragma once

#include "families/posteriors/cauchy.h"
#include "families/posteriors/exponential.h"
#include "families/posteriors/gumbel.h"
#include "families/posteriors/laplace.h"
#include "families/posteriors/log_normal.h"
#include "families/posteriors/logistic.h"
#include "families/posteriors/rayleigh.h"
#include "families/priors/dirichlet.h"
#include "families/priors/standard_normal.h"
#include "families/priors/uniform.h"

namespace aevb::AEVB_ISA {
namespace {

using Priors = List<                      //
    StandardNormal,                       // the paper's, which has kernels of its own
    StandardPrior<LaplacePosterior>,      //
    StandardPrior<LogisticPosterior>,     //
    StandardPrior<CauchyPosterior>,       //
    StandardPrior<GumbelPosterior>,       //
    StandardPrior<ExponentialPosterior>,  //
    StandardPrior<LogNormalPosterior>,    //
    StandardPrior<RayleighPosterior>,     //
    UnitUniform,                          //
    FlatDirichlet>;

}  // namespace
}  // namespace aevb::AEVB_ISA
