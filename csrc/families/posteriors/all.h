// The list of approximate posteriors q(z|x).
#pragma once

#include "families/posteriors/beta.h"
#include "families/posteriors/cauchy.h"
#include "families/posteriors/chi_squared.h"
#include "families/posteriors/dirichlet.h"
#include "families/posteriors/erlang.h"
#include "families/posteriors/exponential.h"
#include "families/posteriors/f.h"
#include "families/posteriors/full_gaussian.h"
#include "families/posteriors/gamma.h"
#include "families/posteriors/gaussian.h"
#include "families/posteriors/gompertz.h"
#include "families/posteriors/gumbel.h"
#include "families/posteriors/laplace.h"
#include "families/posteriors/log_normal.h"
#include "families/posteriors/logistic.h"
#include "families/posteriors/pareto.h"
#include "families/posteriors/rayleigh.h"
#include "families/posteriors/reciprocal.h"
#include "families/posteriors/student_t.h"
#include "families/posteriors/triangular.h"
#include "families/posteriors/uniform.h"
#include "families/posteriors/weibull.h"

namespace aevb::AEVB_ISA {
namespace {

// The paper's, which has kernels of its own, comes first.
using Posteriors = List<    //
    GaussianPosterior,      //
    FullGaussianPosterior,  //
    LaplacePosterior,       //
    StudentTPosterior,      //
    LogisticPosterior,      //
    UniformPosterior,       //
    TriangularPosterior,    //
    CauchyPosterior,        //
    GumbelPosterior,        //
    ExponentialPosterior,   //
    RayleighPosterior,      //
    ParetoPosterior,        //
    WeibullPosterior,       //
    ReciprocalPosterior,    //
    GompertzPosterior,      //
    ErlangPosterior,        //
    LogNormalPosterior,     //
    GammaPosterior,         //
    ChiSquaredPosterior,    //
    FPosterior,             //
    BetaPosterior,          //
    DirichletPosterior>;

}  // namespace
}  // namespace aevb::AEVB_ISA
