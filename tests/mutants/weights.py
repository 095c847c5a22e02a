"""Mistakes in the posterior of the weights: its draws, steps and KL divergence, and streams."""

from mutants.mutant import Mutant

TWIN = "test_weight_posterior.py::test_every_step_is_the_twins"
DRAWS = "test_weight_posterior.py::test_draws_are_box_muller_of_the_mapped_words"
FACE = "test_full_variational_bayes.py"
MUTANTS = [
    Mutant(
        what="the log standard deviation forgets that of the prior",
        file="csrc/kernels/weights-inl.h",
        text="share * (one - precision * sd * sd)",
        replacement="share * one",
        tests=(TWIN, "test_weight_posterior_exactly.py::test_the_posterior_of_a_mean"),
    ),
    Mutant(
        what="a mean is drawn towards 0, and not towards its prior",
        file="csrc/kernels/weights-inl.h",
        text="own ? mean - load(u.prior_mean + c) : mean",
        replacement="mean",
        tests=(
            "test_weight_posterior.py::test_a_step_from_the_prior_of_each_weight",
            "test_weight_posterior_exactly.py::test_two_halves_agree_with_the_whole",
        ),
    ),
    Mutant(
        what="all rows of a panel have the same noise",
        file="csrc/kernels/weights-inl.h",
        text="(t.first_row + r) * kRowBlocks + i",
        replacement="t.first_row * kRowBlocks + i",
        tests=(DRAWS, TWIN),
    ),
    Mutant(
        what="every step has the same noise",
        file="csrc/engine/weights.cc",
        text="static_cast<uint32_t>(key.step)",
        replacement="0 * static_cast<uint32_t>(key.step)",
        tests=(DRAWS, TWIN),
    ),
    Mutant(
        what="a pass reads the means of the weights",
        file="csrc/algorithms/loop.cc",
        text="pass.weights = drawn_.data();",
        replacement="pass.weights = model_.weights();",
        tests=(TWIN,),
    ),
    Mutant(
        what="the KL divergence leaves out the means",
        file="csrc/model/model.cc",
        text="(m - m0) * (m - m0) * std::exp(-2.0 * s0)",
        replacement="0.0 * (m - m0)",
        tests=("test_weight_posterior.py::test_kl_is_the_closed_form",),
    ),
    Mutant(
        what="forgetting leaves the squares of the deviations",
        file="csrc/model/model.cc",
        text="sums != nullptr && i < parameters_.size()",
        replacement="first == 0 && sums != nullptr && i < parameters_.size()",
        tests=(f"{FACE}::test_forgetting_is_what_its_text_says",),
    ),
    Mutant(
        what="all draws of the weights are the first",
        file="aevb/estimators/aevb.py",
        text="yield engine.draw(index,",
        replacement="yield engine.draw(0 * index,",
        tests=(f"{FACE}::test_results_are_averaged_over_draws_of_the_weights",),
    ),
    Mutant(
        what="the samples of all draws of the weights have the same noise",
        file="aevb/estimators/base.py",
        text="seed=seed + (i << 32)",
        replacement="seed=seed",
        tests=(f"{FACE}::test_samples_are_shared_among_draws_of_the_weights",),
    ),
    Mutant(
        what="rows that the prior has are counted once more",
        file="aevb/estimators/learner.py",
        text="n_counted = 0\n",
        replacement="n_counted = n_counted\n",
        tests=(f"{FACE}::test_the_posterior_becomes_the_prior",),
    ),
    Mutant(
        what="a predictive log-likelihood is the mean of logarithms",
        file="aevb/evaluation/predictive.py",
        text="logsumexp(log_p, axis=0) - math.log(n)",
        replacement="log_p.mean(axis=0)",
        tests=(f"{FACE}::test_predictive_log_likelihood",),
    ),
]
