"""Mistakes in posteriors, priors and objectives."""

from mutants.mutant import Mutant

WHOLE = "test_latent_choices.py::test_bound_and_gradient_are_the_twins"
PARTS = "test_pathwise.py::test_a_gradient_is_the_sum_of_its_parts"

MUTANTS = [
    Mutant(
        what="the slope of log q(z|x) has the sign of that of log p(z)",
        file="csrc/kernels/posterior-inl.h",
        text="load(t.dz + l * t.ld + j) - w.density * slope",
        replacement="load(t.dz + l * t.ld + j) + w.density * slope",
        tests=(f"{PARTS}[portable-laplace]",),
    ),
    Mutant(
        what="the score has the weight of the density",
        file="csrc/kernels/posterior-inl.h",
        text="dz * path[i] + w.score * score[i]",
        replacement="dz * path[i] + w.density * score[i]",
        tests=(f"{PARTS}[portable-laplace]",),
    ),
    Mutant(
        what="the divergence's gradient has no weight",
        file="csrc/kernels/posterior-inl.h",
        text="value *= weight;",
        replacement="value *= set1(1.0f);",
        tests=("test_pathwise.py::test_the_divergences_gradient_is_its_derivative",),
    ),
    Mutant(
        what="the prior has no part in the gradient through z",
        file="csrc/kernels/posterior-inl.h",
        text="t.draws[l].density != 0.0f",
        replacement="t.draws[l].density == 0.0f",
        tests=(f"{PARTS}[portable-laplace]",),
    ),
    Mutant(
        what="the doubly reparameterised gradient has the weights once",
        file="csrc/families/objectives/doubly_reparameterized.h",
        text="draw.density *= draw.through;",
        replacement="draw.density *= 1.0f;",
        tests=(
            "test_objectives.py::"
            "test_the_doubly_reparameterised_gradient_has_the_mean_of_the_importance_weighted",
            f"{WHOLE}[portable-laplace-laplace-doubly-reparameterized]",
        ),
    ),
    Mutant(
        what="Renyi's bound is not divided by the power",
        file="csrc/families/objectives/renyi.h",
        text="(log_sum - std::log(static_cast<double>(row.n))) / power",
        replacement="(log_sum - std::log(static_cast<double>(row.n)))",
        tests=(
            "test_objectives.py::"
            "test_renyis_bound_goes_from_the_importance_weighted_one_to_sgvb_a[portable]",
        ),
    ),
    Mutant(
        what="the baseline has the draw's own value",
        file="csrc/families/objectives/score_function_baseline.h",
        text="(sum - row.log_w[l]) / (n - 1.0)",
        replacement="sum / n",
        tests=(
            "test_objectives.py::test_the_baseline_keeps_the_mean_and_lowers_the_variance[4-3]",
        ),
    ),
    Mutant(
        what="the baseline of one draw has the row's own value",
        file="csrc/engine/bound.cc",
        text="(total - own) / n_others",
        replacement="total / n_others",
        tests=(f"{WHOLE}[portable-laplace-laplace-score-function-baseline]",),
    ),
    Mutant(
        what="free bits count the minibatch's sum, not its mean",
        file="csrc/engine/bound.cc",
        text="sum < free * static_cast<double>(pass.rows)",
        replacement="sum < free",
        tests=("test_objectives.py::test_units_below_the_free_bits_cost_nothing",),
    ),
    Mutant(
        what="units above the free bits have the full weight",
        file="csrc/engine/bound.cc",
        text="0.0f : pass.settings.kl_weight;",
        replacement="0.0f : 1.0f;",
        tests=("test_objectives.py::test_units_below_the_free_bits_cost_nothing[portable-0.3]",),
        own_build=True,
    ),
]
