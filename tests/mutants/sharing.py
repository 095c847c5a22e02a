"""Mistakes in how threads, signals and callbacks share a model, and in what the core binds."""

from mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        what="training does not keep readers out",
        file="csrc/bind/access.h",
        text="changer_ = self();",
        replacement=";",
        tests=("test_shared_model.py::test_what_another_thread_reads_is_of_a_whole_step",),
    ),
    Mutant(
        what="who reads does not wait for the training",
        file="csrc/bind/access.h",
        text="changer_ == Id() && (wanted_by_ == Id() || reads(self()))",
        replacement="wanted_by_ == Id() || reads(self())",
        tests=("test_shared_model.py::test_what_another_thread_reads_is_of_a_whole_step",),
    ),
    Mutant(
        what="readers who come do not wait for who wants to train",
        file="csrc/bind/access.h",
        text="if (has_turn) wanted_by_ = self();",
        replacement=";",
        tests=("test_shared_model.py::test_readers_and_training_take_turns",),
    ),
    Mutant(
        what="training does not let in those who have been kept waiting",
        file="csrc/bind/access.h",
        text="changer_ == Id() && wanted_by_ == Id() && waiting_.empty()",
        replacement="changer_ == Id() && wanted_by_ == Id()",
        tests=("test_shared_model.py::test_readers_and_training_take_turns",),
    ),
    Mutant(
        what="a handler finds its own thread waiting",
        file="csrc/bind/access.h",
        text="if (has_turn) wanted_by_ = {};\n      hear_signals();",
        replacement="hear_signals(); if (has_turn) wanted_by_ = {};",
        tests=("test_shared_model.py::test_a_handler_may_use_the_model_that_its_thread_waits_for",),
    ),
    Mutant(
        what="a claim of another thread does not count",
        file="csrc/bind/access.h",
        text="owner_ == Id() || owner_ == self()",
        replacement="true",
        tests=("test_shared_model.py::test_what_another_thread_would_change_is_an_error",),
    ),
    Mutant(
        what="a callback may change what is being read",
        file="csrc/bind/access.h",
        text="changer_ == self() || reads(self())",
        replacement="changer_ == self()",
        tests=("test_shared_model.py::test_a_callback_of_a_reading_call_cannot",),
    ),
    Mutant(
        what="who waits does not hear Ctrl-C",
        file="csrc/bind/access.h",
        text="PyErr_CheckSignals() != 0",
        replacement="false",
        tests=("test_shared_model.py::test_who_waits_for_the_training_hears_ctrl_c",),
    ),
    Mutant(
        what="a forked child reads half of a step",
        file="csrc/bind/access.h",
        text="is_torn_ = changer_ != Id();",
        replacement=";",
        tests=("test_shared_model.py::test_a_forked_child_waits_for_nobody[train-33300]",),
    ),
    Mutant(
        what="a forgotten claim ends another one",
        file="csrc/bind/access.h",
        text="n_claims_ > 0 && --n_claims_ == 0",
        replacement="--n_claims_ == 0",
        tests=("test_shared_model.py::test_a_claim_that_a_child_has_forgotten_may_end_there",),
    ),
    Mutant(
        what="a forked child waits for its parent's readers",
        file="csrc/bind/access.h",
        text="std::erase_if(readers_, [](Id thread) { return thread != self(); });",
        replacement=";",
        tests=("test_shared_model.py::test_a_forked_child_waits_for_nobody[read-00000]",),
    ),
    Mutant(
        what="handlers of signals run in the midst of a step of Monte Carlo EM",
        file="csrc/bind/monte_carlo_em.cc",
        text="cancel_on_interrupt()",
        replacement="cancel_on_signal(py::none())",
        tests=(
            "test_shared_model.py::test_a_signals_handler_sees_whole_steps_of_chains_and_weights",
        ),
    ),
    Mutant(
        what="a stopped move of the chains is taken for a whole one",
        file="csrc/algorithms/monte_carlo_em.cc",
        text="return !cancellation.requested();",
        replacement="return true;",
        tests=(
            "test_shared_model.py::test_ctrl_c_leaves_whole_steps_of_chains_and_weights"
            "[moving the chains]",
        ),
    ),
    Mutant(
        what="weights of a stopped step of Monte Carlo EM stay half updated",
        file="csrc/algorithms/monte_carlo_em.cc",
        text="if (stops) return rollback.restore(member);",
        replacement="if (stops) return;",
        tests=(
            "test_shared_model.py::test_ctrl_c_leaves_whole_steps_of_chains_and_weights"
            "[updates, undone]",
        ),
    ),
    Mutant(
        what="a step that was stopped leaves its gradient to the next",
        file="csrc/algorithms/monte_carlo_em.cc",
        text="if (stops) std::fill_n(gradient_.data(), gradient_.size(), 0.0f);",
        replacement=";",
        tests=(
            "test_shared_model.py::test_ctrl_c_leaves_whole_steps_of_chains_and_weights"
            "[updates, undone]",
        ),
    ),
    Mutant(
        what="weights that a stopped update has begun are not put back",
        file="csrc/algorithms/rollback.h",
        text="for (Copy& copy : copies_) move(copy.kept.data(), copy.of, share(member));",
        replacement=";",
        tests=(
            "test_interrupts.py::test_an_interrupt_in_the_midst_of_a_long_step_leaves_a_whole_one"
            "[undone in the update]",
        ),
    ),
    Mutant(
        what="accumulators are not copied before an update that may be stopped",
        file="csrc/algorithms/rollback.h",
        text="if (array != nullptr) copies_",
        replacement="if (role == Role::value) copies_",
        tests=(
            "test_interrupts.py::test_an_interrupt_in_the_midst_of_a_long_step_leaves_a_whole_one"
            "[two moments, two draws]",
        ),
        own_build=True,
    ),
    Mutant(
        what="a second trainer may train the model of another thread",
        file="aevb/training/trainer.py",
        text="with self._state.engine.training(), undoing(self, by_epoch=True):",
        replacement="with undoing(self, by_epoch=True):",
        tests=("test_shared_model.py::test_what_another_thread_would_change_is_an_error",),
    ),
]
