// The list of approximate posteriors q(z|x).
#pragma once

#include "families/posteriors/cauchy.h"
#include "families/posteriors/exponential.h"
#include "families/posteriors/gaussian.h"
#include "families/posteriors/laplace.h"
#include "families/posteriors/logistic.h"

namespace aevb::AEVB_ISA {
namespace {

// The paper's, which has kernels of its own, comes first.
using Posteriors = List<  //
    GaussianPosterior,    //
    LaplacePosterior,     //
    LogisticPosterior,    //
    CauchyPosterior,      //
    ExponentialPosterior>;

}  // namespace
}  // namespace aevb::AEVB_ISA
