"""Mistakes in comparisons: of models, with published values, and of posterior and prior."""

from mutants.mutant import Mutant

_COMPARISON = "aevb/evaluation/comparison.py"
_EVALUATOR = "aevb/evaluation/evaluator.py"
_IWAE = "aevb/paper/iwae.py"
_AGGREGATE = "aevb/plots/aggregate.py"

_ALONE = "test_comparison.py::test_each_model_is_evaluated_as_by_itself"
_GAP = "test_comparison.py::test_the_gap_is_that_of_each_row"
_RECORDS = "test_comparison.py::test_records"
_REFUSED = "test_comparison.py::test_models_that_cannot_be_compared"
_JUDGED = "test_paper_iwae.py::test_a_model_is_judged_on_the_test_rows"
_WHITE = "test_paper_iwae.py::test_a_pixel_is_white_as_often_as_it_is_bright"
_DENSITIES = "test_plots_aggregate.py::test_densities_of_two_normals"
_CHOSEN = "test_plots_aggregate.py::test_chosen_units_and_pairs"

MUTANTS = [
    Mutant(
        what="the gap of a comparison has the wrong sign",
        file=_COMPARISON,
        text="log_likelihood.per_row - bound.per_row",
        replacement="bound.per_row - log_likelihood.per_row",
        tests=(_GAP,),
    ),
    Mutant(
        what="the KL divergence of a comparison is the mean over the units",
        file=_COMPARISON,
        text="float(self.kl_per_unit.sum())",
        replacement="float(self.kl_per_unit.mean())",
        tests=(_RECORDS,),
    ),
    Mutant(
        what="models of other features are compared",
        file=_COMPARISON,
        text="if n != wanted:",
        replacement="if False:",
        tests=(_REFUSED,),
    ),
    Mutant(
        what="a comparison ignores the draws of the bound",
        file=_EVALUATOR,
        text="evaluator.bound(X, n_bound_draws)",
        replacement="evaluator.bound(X, 1)",
        tests=(_ALONE,),
    ),
    Mutant(
        what="a comparison ignores the rounds of adaptation",
        file=_EVALUATOR,
        text="evaluator.log_likelihood(X, n_draws=n_draws, n_adaptations=n_adaptations)",
        replacement="evaluator.log_likelihood(X, n_draws=n_draws)",
        tests=(_ALONE,),
    ),
    Mutant(
        what="the published table's test rows are thresholded",
        file=_IWAE,
        text="(uniform * np.float32(_WHITE) < grey)",
        replacement="(grey > 127)",
        tests=(_WHITE,),
    ),
    Mutant(
        what="the error of a mean of n rows is divided by sqrt(n) alone",
        file=_IWAE,
        text="float(np.linalg.norm(estimate.stderr)) / len(test)",
        replacement="float(np.linalg.norm(estimate.stderr)) / len(test) ** 0.5",
        tests=(_JUDGED,),
    ),
    Mutant(
        what="all draws of the aggregate posterior have the same noise",
        file="aevb/estimators/encoder_model.py",
        text="seeds = range(seed, seed + n_draws)",
        replacement="seeds = [seed] * n_draws",
        tests=("test_plots_aggregate.py::test_draws_are_those_of_the_model",),
    ),
    Mutant(
        what="the histograms are counts",
        file=_AGGREGATE,
        text="/ (len(z) * width)",
        replacement="/ width",
        tests=(_DENSITIES,),
    ),
    Mutant(
        what="every panel has the first units",
        file=_AGGREGATE,
        text="z[:, which] for z in drawn",
        replacement="z[:, : len(which)] for z in drawn",
        tests=(_DENSITIES, _CHOSEN),
    ),
    Mutant(
        what="the points of a pair are those of the first draws alone",
        file=_AGGREGATE,
        text="points = z[:: -(-len(z) // _N_POINTS)]",
        replacement="points = z[:_N_POINTS]",
        tests=(_CHOSEN,),
    ),
]
