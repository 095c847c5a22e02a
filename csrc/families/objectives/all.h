// The list of objectives: how draws of z become a bound and its gradient.
#pragma once

#include "families/objectives/analytic_kl.h"
#include "families/objectives/monte_carlo.h"
#include "families/objectives/score_function.h"

namespace aevb::AEVB_ISA {
namespace {

using Objectives = List<  //
    AnalyticKl,           //
    MonteCarlo,           //
    ScoreFunction>;

}  // namespace
}  // namespace aevb::AEVB_ISA
