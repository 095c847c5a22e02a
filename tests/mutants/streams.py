"""Mistakes in what a run trains on: a table, or a source of chunks."""

from mutants.mutant import Mutant

# file: (what, text, replacement, test) of each
_PYTHON = {
    "aevb/training/feed.py": [
        (
            "held-out rows train, and others do not",
            "Subset(n_val, data.n_rows - n_val, split=n_val > 0)",
            "Subset(0, data.n_rows - n_val, split=n_val > 0)",
            "test_validation.py::test_only_training_rows_move_the_weights",
        ),
        (
            "the training rows are those of no split",
            "split=n_val > 0)",
            "split=False)",
            "test_validation.py::test_only_training_rows_move_the_weights",
        ),
        (
            "the rows that are scored as held out are training rows",
            "(self.rows, Subset(0, n_val, split=True), self._decides)",
            "(self.rows, Subset(n_val, n_val, split=True), self._decides)",
            "test_validation.py::test_only_training_rows_move_the_weights",
        ),
        (
            "rows are held out of X although there are others for it",
            "if self._decides and X_val is None:",
            "if self._decides:",
            "test_validation.py::test_rows_held_out_elsewhere_leave_all_of_x_to_train_on",
        ),
        (
            "the prior's N is the number of all rows",
            "n_prior=self.subset.size,",
            "n_prior=self.rows.shape[0],",
            "test_prior_weight.py::test_a_trainer_counts_the_rows_that_it_trains_on[0.25]",
        ),
    ],
}
MUTANTS = [
    Mutant(what=what, file=file, text=text, replacement=replacement, tests=(test,))
    for file, mistakes in _PYTHON.items()
    for what, text, replacement, test in mistakes
]
