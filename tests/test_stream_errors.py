"""Sources that contradict themselves, fail or block; and what reads them without training."""

import signal
import threading

import kill
import numpy as np
import pandas as pd
import pytest
from test_checkpoint import rewrite
from test_streams import N, X, again, all_files, bits, cut, folder_of_files, small  # noqa: F401

from aevb import MCEM, DivergenceError, Trainer
from aevb.training import stream

pytestmark = pytest.mark.filterwarnings("ignore:all latent units have collapsed")  # short fits


# ------------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("bad", "error", "said"),
    [
        ([X[:30], X[:30, :5]], ValueError, r"^chunk 1: X has 5 features"),
        ([X[:30], np.full_like(X, np.inf)], ValueError, "^chunk 1: Input X contains inf"),
        ([X[:30], np.where(np.arange(30)[:, None] == 17, 3, X[:30])], ValueError,
         r"^chunk 1, row 17: X: got values from .* to 3\.0"),
        ([X[:30], "text"], TypeError, "^chunk 1: X: got the path 'text'"),
        ([X[:30] * 9, X[:30], None], (TypeError, ValueError), "^chunk 2"),
        ([X[:10], X[:10, :5]], ValueError, "chunk 1 has 5 columns, but chunk 0 has 6 columns"),
        ([X[0]], ValueError, r"^chunk 0.*Expected 2D array"),
        ([], ValueError, "^X: got a source without rows, want at least 1"),
        ([X[:0]], ValueError, "^X: got a source without rows, want at least 1"),
    ],
    ids=["columns", "infinite", "range", "text", "None", "first block", "1-d", "none", "no rows"],
)  # fmt: skip
def test_what_contradicts_the_first_chunk_is_named(bad, error, said):
    model = small(likelihood="auto" if bad and bad[0] is not None else "bernoulli")
    if len(bad) == 2 and "17" in said:
        model.set_params(likelihood="bernoulli")
    with pytest.raises(error, match=said):
        model.fit(lambda: bad)
    assert not hasattr(model, "weights_")


def test_columns_and_levels_come_from_the_first_block():
    frame = pd.DataFrame({"a": np.arange(60.0), "b": ["x"] * 30 + ["y", "x"] * 15})
    with pytest.warns(UserWarning, match="not there in fit"):
        model = small(likelihood="auto").fit(again(frame))
    assert model.columns_[1].levels == ("x",)
    trainer = Trainer(small(likelihood="auto"), again(frame), buffer_rows=60)
    assert trainer.model.columns_[1].levels == ("x", "y")
    assert trainer.model.columns_[0].location == pytest.approx(29.5)
    with pytest.raises(ValueError, match=r"^chunk 2: .*[Tt]he feature names should match"):
        small(likelihood="auto").fit(
            lambda: [*cut(frame)[:1] * 2, frame.rename(columns={"b": "c"})]
        )


def test_an_error_of_the_source_comes_through_and_the_run_may_go_on():
    failing = [True]

    def chunks():
        yield from cut()[:2]
        if failing:
            raise OSError(failing.pop())
        yield from cut()[2:]

    trainer = Trainer(small(), chunks)
    with pytest.raises(OSError, match="True"):
        trainer.run(300)
    assert trainer.model.n_samples_seen_ == 60
    assert kill.state_of(trainer.run(300)) == kill.state_of(Trainer(small(), again()).run(300))


def test_ctrl_c_while_the_source_blocks():
    go_on = threading.Event()

    def chunks():
        yield from cut()[:2]
        go_on.wait()
        yield from cut()[2:]

    trainer = Trainer(small(n_epochs=1), chunks())
    default = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            trainer.run()
    finally:
        signal.signal(signal.SIGALRM, default)
    assert trainer.model.n_samples_seen_ == 60
    go_on.set()
    whole = Trainer(small(n_epochs=1), again()).run()
    assert bits(trainer.run(N).model) == bits(whole.model)


@pytest.mark.parametrize("make", [again, lambda: iter(cut())])
def test_a_divergence_goes_back(make, monkeypatch):
    """An iterator cannot, and says so."""
    trainer, load = Trainer(small(), make()), stream.Stream.load

    def diverge(self, run):
        load(self, run)
        if run.place.n_before == 2:
            raise DivergenceError(3, 0.02)

    monkeypatch.setattr(stream.Stream, "load", diverge)
    with pytest.raises(DivergenceError):
        trainer.run(N)
    monkeypatch.undo()
    assert trainer.model.n_samples_seen_ == 0
    if trainer._feed.is_over_after_epoch:
        with pytest.raises(ValueError, match="which has its rows once"):
            trainer.run(300)
    else:
        assert kill.state_of(trainer.run(300)) == kill.state_of(Trainer(small(), again()).run(300))


def test_a_source_that_has_no_second_pass():
    rows = iter(cut())
    with pytest.raises(
        ValueError, match=r"^X: got no rows in a new pass over the source; want a new"
    ):
        small().fit(lambda: rows)


def test_a_source_that_changes_is_named():
    """The trainer goes back to a block, which the source no longer has."""
    lengths = iter([30, 20])
    trainer = Trainer(small(), lambda: cut(X, next(lengths)))
    trainer.step()
    trainer._feed._reader = trainer._feed._current = None
    with pytest.raises(ValueError, match=r"^X: got other rows than before; want the same rows"):
        trainer.step()


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: small(MCEM).fit(again()), TypeError, "MCEM keeps a Markov chain for each row"),
        (lambda: small(early_stopping=True).fit(again()), ValueError, r"^early_stopping:.*X_val"),
        (lambda: small(patience=3).fit(again()), ValueError, r"^patience: got 3.*X_val"),
        (lambda: Trainer(small(patience=3), again(), X_val=X), ValueError, r"^patience: got 3"),
        (lambda: Trainer(small(), again(), buffer_rows=0), ValueError, "^buffer_rows"),
        (lambda: Trainer(small(), again(), buffer_rows=1.5), TypeError, "^buffer_rows"),
        (lambda: Trainer(small(), X, buffer_rows=5), ValueError, "^buffer_rows: got 5, but X"),
        (lambda: Trainer(small(), again(), X_val=X[:, :5]), ValueError, "^X_val"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_a_resumed_run_wants_its_source(tmp_path, folder):
    path = tmp_path / "run.safetensors"
    Trainer(small(), again(), checkpoint=path).run(130)
    for other, said in ((X, "got one table, but the run was training on a source"),
                        (again(X + 1), "that are not those which the run"),
                        (again(n=50), "that are not those which the run")):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            Trainer.resume(path, other)
    Trainer(small(), X, checkpoint=path).run(130)
    with pytest.raises(ValueError, match="got a source of chunks, but the run was training on one"):
        Trainer.resume(path, again())


@pytest.mark.parametrize(
    "damage",
    [
        {"epoch": [9, 0, 0.0]},
        {"epoch": [0, 900, 0.0]},
        {"entry": [0, 900, 0.0]},
        {"entry": [0, 0, np.inf]},
        {"entry": [0, -1, 0.0]},
        {"entry": [0, 0]},
        {"n_before": -1},
        {"n_chunks": 0.5},
        {"block_rows": "many"},
        {"n_rows": None},
    ],
)
def test_a_damaged_place_is_named(damage, tmp_path):
    path = tmp_path / "run.safetensors"
    trainer = Trainer(small(), again(), checkpoint=path)
    trainer.step(3)
    trainer.save_checkpoint()
    rewrite(path, lambda header, _: header["trainer"]["place"].update({}))
    Trainer.resume(path, again())
    rewrite(path, lambda header, _: header["trainer"]["place"].update(damage))
    with pytest.raises(ValueError, match=rf"{path.name}: not a readable checkpoint"):
        Trainer.resume(path, again())


# ------------------------------------------------------------------------------------------ reading
@pytest.mark.parametrize("method", ["transform", "score_samples", "score"])
@pytest.mark.parametrize("make", [again, lambda: iter(cut())])
def test_results_for_a_source_are_those_of_the_table(method, make):
    model = small().fit(X)
    np.testing.assert_array_equal(getattr(model, method)(make()), getattr(model, method)(X))
    assert model.transform(make()).dtype == np.float32


def test_results_for_files_are_in_the_order_of_their_rows(folder):
    model = small().fit(X)
    table = np.concatenate([np.load(path) for path in all_files(folder)])
    np.testing.assert_array_equal(model.transform(all_files(folder)), model.transform(table))


def test_wrong_rows_to_read_are_named():
    model = small(likelihood="bernoulli").fit(X)
    bad = np.where(np.arange(N)[:, None] == 47, 3, X)
    with pytest.raises(ValueError, match=r"^chunk 1, row 17: X: got values from"):
        model.transform(again(bad))
    with pytest.raises(ValueError, match="without rows"):
        model.score(lambda: [])
