"""Mistakes in the search for the quickest number of threads."""

from mutants.mutant import Mutant

_SEARCH = {
    "aevb/core/thread_search.py": [
        (
            "the limit itself is not tried",
            "for i in range((limit - 1).bit_length())] + [limit]",
            "for i in range(limit.bit_length())]",
            "test_candidates[3-want2]",
        ),
        (
            "a given number is tried",
            "if n_threads is not None or limit == 1:",
            "if limit == 1:",
            "test_one_core_and_given_numbers_are_not_tried",
        ),
        (
            "a new limit is not heard",
            "if self._turns is None or limit != self._candidates[-1]:",
            "if self._turns is None:",
            "test_the_process_has_a_limit_that_may_change",
        ),
        (
            "a new limit forgets the best number",
            "known = self.n_threads or 1",
            "known = 1",
            "test_the_process_has_a_limit_that_may_change",
        ),
        (
            "an interrupted slice counts",
            "self._turn is None or n_rows == 0:",
            "self._turn is None:",
            "test_an_interrupted_slice_is_asked_for_again",
        ),
        (
            "every search is soon followed by another",
            "min(2 * pause, LONGEST_PAUSE)",
            "PAUSE",
            "test_searches_become_rare_but_do_not_end",
        ),
        (
            "searches end",
            "min(2 * pause, LONGEST_PAUSE)",
            "2 * pause",
            "test_searches_become_rare_but_do_not_end",
        ),
        (
            "a change does not shorten the pause",
            "PAUSE if self._best != before else min(",
            "min(",
            "test_a_change_shortens_the_pause",
        ),
        (
            "a fall of the rate goes unnoticed",
            "if measured.rate < _FALL * rate:",
            "if False:",
            "test_a_fall_of_the_rate_shortens_the_pause",
        ),
        (
            "slices between searches are short",
            "self._measure(self._best, _CLEAR_SECONDS, longest=math.inf)",
            "self._measure(self._best, _CLEAR_SECONDS)",
            "test_a_training_uses_the_number_that_is_quickest",
        ),
        (
            "smaller numbers are never tried again",
            "for step in (1, -1):",
            "for step in (1,):",
            "test_a_change_is_followed[8]",
        ),
        (
            "any gain counts",
            "if gain > GAIN:",
            "if gain > 1.0:",
            "test_small_differences_do_not_count",
        ),
        (
            "a slower number does not end the climb",
            "elif gain < 1 / GAIN:",
            "elif False:",
            "test_numbers_that_are_too_large_are_not_tried",
        ),
        (
            "an equal number ends the climb",
            "elif gain < 1 / GAIN:",
            "else:",
            "test_equal_numbers_are_passed",
        ),
        (
            "the best number is not told",
            "self.n_threads = self._candidates[at]",
            "pass",
            "test_equal_numbers_are_passed",
        ),
        (
            "the first minibatch after a change counts",
            "if n_threads != self._latest:",
            "if False:",
            "test_the_first_minibatch_after_a_change_does_not_count",
        ),
        (
            "every minibatch comes after a change",
            "self._latest = self._turn.n_threads",
            "pass",
            "test_the_order_of_slices",
        ),
        (
            "a long minibatch after a change does not count",
            "if first.seconds >= seconds:",
            "if False:",
            "test_long_minibatches_are_few",
        ),
        (
            "one slice is a measurement",
            "while total.seconds < seconds:",
            "if total.seconds < seconds:",
            "test_short_epochs_make_a_slice_together",
        ),
        (
            "one pair of slices decides",
            "n >= _CLEAR_PAIRS or sum(one.seconds for one in best) >= _CLEAR_SECONDS",
            "True",
            "test_a_mishap_in_a_slice_does_not_count",
        ),
        (
            "long slices need as many pairs",
            "n >= _CLEAR_PAIRS or sum(one.seconds for one in best) >= _CLEAR_SECONDS",
            "n >= _CLEAR_PAIRS",
            "test_long_minibatches_are_few",
        ),
        (
            "noise is taken for a difference",
            "stdev(map(math.log, ratios)) < _PRECISE * math.sqrt(n)",
            "True",
            "test_noise_does_not_change_the_number",
        ),
        (
            "slices that wait for another process go on",
            "return looks_slower or",
            "return",
            "test_slices_that_wait_are_few",
        ),
        (
            "two pairs of slices are precise",
            "if n < _PRECISE_PAIRS:",
            "if n < 2:",
            "test_a_mishap_in_a_slice_does_not_count",
        ),
        (
            "all slices of a comparison are the same way around",
            "(best, other) if len(slices[best]) % 2 == 0 else (other, best)",
            "(best, other)",
            "test_the_order_of_slices",
        ),
        (
            "the slowest slices count",
            "[(len(slices) + 4) // 8 :]",
            "[:]",
            "test_a_mishap_in_a_slice_does_not_count",
        ),
    ],
    "aevb/core/engine.py": [
        (
            "a slice of a search is as long as any",
            "min(turn.seconds, slice_seconds())",
            "slice_seconds()",
            "test_slices_of_a_search_are_short",
        ),
        (
            "a copy begins the search anew",
            "self._of(self._model.copy(), self._threads)",
            "self._of(self._model.copy())",
            "test_a_training_uses_the_number_that_is_quickest",
        ),
        (
            "the core gets another number than the search wants",
            '"n_threads": turn.n_threads,',
            '"n_threads": resolve_threads(n_threads),',
            "test_slices_of_a_search_are_short",
        ),
        (
            "the bar shows the number of a trial",
            "threads.n_threads or turn.n_threads",
            "turn.n_threads",
            "test_the_result_of_a_slice_has_the_best_number",
        ),
    ],
}

MUTANTS = [
    Mutant(what, file, text, replacement, (f"test_thread_search.py::{test}",))
    for file, mistakes in _SEARCH.items()
    for what, text, replacement, test in mistakes
]
