"""Mistakes in the training by several processes."""

from mutants.mutant import Mutant

# file: (what, text, replacement, test) of each
_MISTAKES = {
    "csrc/algorithms/loop.cc": [
        (
            "all ranks have the same noise",
            "slice_.rank * pass.rows",
            "0 * pass.rows",
            "test_joint_steps.py::test_every_joint_step_is_the_twins",
        ),
        (
            "a joint step divides by the rows of one rank",
            "static_cast<size_t>(totals_.rows)",
            "pass.rows",
            "test_joint_steps.py::test_every_joint_step_is_the_twins",
        ),
        (
            "a rank does not wait for the joined gradient",
            "sum(gradient_);\n    member.barrier();",
            "sum(gradient_);",
            "test_joint_steps.py::test_the_number_of_threads_and_a_late_one_change_no_bit",
        ),
        (
            "a rank goes on after the last step of another",
            "totals_.n_ending == 0.0",
            "true",
            "test_joint_steps.py::test_all_end_after_the_step_in_which_one_has_to",
        ),
        (
            "a step is taken whose bound is not finite",
            "!joined_ || std::isfinite(totals_.bound)",
            "true",
            "test_joint_steps.py::test_if_one_diverges_all_do_and_take_no_step",
        ),
    ],
    "csrc/algorithms/exchange.h": [
        (
            "the error of an exchange is lost",
            "std::rethrow_exception(error_)",
            "return",
            "test_joint_steps.py::test_an_exchange_that_fails_ends_the_call",
        ),
    ],
    "aevb/data/moments.py": [
        (
            "the spread leaves out the distances of the means",
            " + ((distance - shift) / unit) ** 2",
            "",
            "test_exchange.py::test_moments_of_parts_are_those_of_all_rows",
        ),
        (
            "a part without values has a lowest one",
            "np.where(empty, np.inf, low)",
            "low",
            "test_exchange.py::test_moments_of_parts_are_those_of_all_rows",
        ),
    ],
    "aevb/core/threads.py": [
        (
            "each process takes all cores",
            "(usable_cpus()) // _n_sharing",
            "(usable_cpus())",
            "test_exchange.py::test_processes_share_the_cores",
        ),
    ],
    "aevb/distributed/launch.py": [
        (
            "all ranks have the same rows",
            "slice(exchange.rank, None, exchange.n_ranks)",
            "slice(0, None, exchange.n_ranks)",
            "test_exchange.py::test_shares_are_all_rows_once",
        ),
    ],
    "aevb/distributed/momentum.py": [
        (
            "the velocity does not slow down",
            "momentum * velocity[name] + d for",
            "velocity[name] + d for",
            "test_exchange.py::test_a_steady_distance_gathers_momentum",
        ),
        (
            "the weights move by the velocity alone",
            "+ distance[name] + momentum",
            "+ momentum",
            "test_exchange.py::test_a_steady_distance_gathers_momentum",
        ),
    ],
    "aevb/distributed/facts.py": [
        (
            "a rank may have columns of its own",
            "{**first, **other}",
            "first",
            "test_exchange.py::test_other_facts_are_named",
        ),
    ],
    "aevb/distributed/interrupts.py": [
        (
            "Ctrl-C stays noted after the block",
            "            signal.signal(number, handler)\n        if kind",
            "            pass\n        if kind",
            "test_exchange.py::test_signals_wait_for_the_end_of_a_block",
        ),
        (
            "Ctrl-C at the end of a block is lost",
            "if kind is None and self.interrupted:",
            "if False:",
            "test_exchange.py::test_signals_wait_for_the_end_of_a_block",
        ),
    ],
}

MUTANTS = [
    Mutant(what, file, text, replacement, (test,))
    for file, mistakes in _MISTAKES.items()
    for what, text, replacement, test in mistakes
]
