// The list of objectives: how draws of z become a bound and its gradient.
#pragma once

#include "families/objectives/analytic_kl.h"
#include "families/objectives/doubly_reparameterized.h"
#include "families/objectives/importance_weighted.h"
#include "families/objectives/monte_carlo.h"
#include "families/objectives/renyi.h"
#include "families/objectives/score_function.h"
#include "families/objectives/score_function_baseline.h"

namespace aevb::AEVB_ISA {
namespace {

// Those with a kernel of their own for the posterior and prior of the paper come first.
using FusedObjectives = List<AnalyticKl, MonteCarlo, ScoreFunction>;
using Objectives = List<    //
    AnalyticKl,             //
    MonteCarlo,             //
    ScoreFunction,          //
    ScoreFunctionBaseline,  //
    ImportanceWeighted,     //
    DoublyReparameterized,  //
    Renyi>;

}  // namespace
}  // namespace aevb::AEVB_ISA
