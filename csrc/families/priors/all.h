// The list of priors p(z).
#pragma once

#include "families/posteriors/cauchy.h"
#include "families/posteriors/exponential.h"
#include "families/posteriors/laplace.h"
#include "families/posteriors/logistic.h"
#include "families/priors/standard_normal.h"

namespace aevb::AEVB_ISA {
namespace {

using Priors = List<                   //
    StandardNormal,                    // the paper's, which has kernels of its own
    StandardPrior<LaplacePosterior>,   //
    StandardPrior<LogisticPosterior>,  //
    StandardPrior<CauchyPosterior>,    //
    StandardPrior<ExponentialPosterior>>;

}  // namespace
}  // namespace aevb::AEVB_ISA
