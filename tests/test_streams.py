"""Training on a source of chunks: the same bits as on a table, and bounded memory."""

import subprocess
import sys
import weakref

import kill
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from teams import team_of

from aevb import AEVB, Trainer, WakeSleep
from aevb.data import parts
from aevb.training import stream

pytestmark = pytest.mark.filterwarnings("ignore:all latent units have collapsed")  # short fits

N, D = 100, 6
X = np.random.default_rng(0).random((N, D), dtype=np.float32)
SMALL = {"n_components": 2, "hidden_layer_sizes": (5,), "batch_size": 20, "random_state": 0}
SMALL["n_threads"] = 1  # one slice per block


def small(kind=AEVB, **changes):
    return kind.published(**{**SMALL, "n_epochs": 3, **changes})


def cut(table=X, n=30):
    """Chunks of n rows."""
    return [table[i : i + n] for i in range(0, len(table), n)]


def again(table=X, n=30):
    return lambda: iter(cut(table, n))


def bits(model):
    engine = model._engine
    arenas = {a: engine.arrays(a) for a in ("weights", "state1", "state2")}
    arrays = {f"{a}/{k}": v.tobytes() for a, named in arenas.items() for k, v in named.items()}
    return arrays, engine.n_steps, engine.n_samples_seen, engine.learning_rate


def history(model):
    return repr({k: v for k, v in model.history_.items() if k != "seconds"})


@pytest.fixture(name="folder")
def folder_of_files(tmp_path, monkeypatch):
    """Six files of two chunks each."""
    monkeypatch.setattr(parts, "_BLOCK_BYTES", 30 * D * 4)
    for i in range(6):
        np.save(tmp_path / f"{i}.npy", np.roll(X, i, axis=0)[:50])
    return tmp_path


def all_files(folder):
    return [folder / f"{i}.npy" for i in range(6)]


# ------------------------------------------------------------------------------------ the same bits
MODELS = {
    "AEVB": small(),
    "all defaults": AEVB(2, hidden_layer_sizes=(5,), random_state=0, n_epochs=4),
    "trials": small(learning_rate="auto"),
    "standardised": small(likelihood="gaussian", batch_size=30),
    "dynamic": small(binarize="dynamic"),
    "WakeSleep": small(WakeSleep, learning_rate=0.05),
}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_one_chunk_gives_the_bits_of_the_table(model, known, tmp_path):
    """All defaults have a schedule and a rate that turn on the number of rows."""
    model.set_params(early_stopping=False)
    np.save(tmp_path / "x.npy", X)
    source = [tmp_path / "x.npy"] if known else lambda: [X]
    if not known:
        model.set_params(learning_rate_schedule="constant")
    table, streamed = type(model)(**model.get_params()), type(model)(**model.get_params())
    table.fit(X)
    assert bits(streamed.fit(source)) == bits(table)
    assert history(streamed) == history(table)
    assert Trainer(streamed, source)._run.n_prior == (N if known else 0)


@pytest.mark.parametrize("make", [np.asfortranarray, sp.csr_matrix, np.float64, pd.DataFrame])
def test_one_chunk_of_other_kinds(make):
    table = make(X)
    if isinstance(table, pd.DataFrame):
        table.columns = [f"x{i}" for i in range(D)]
    assert bits(small().fit(lambda: [table])) == bits(small().fit(table))


def test_one_chunk_and_rows_that_are_held_out():
    settings = {"early_stopping": "auto", "patience": 2, "n_epochs": 8}
    streamed = Trainer(small(**settings), lambda: [X], X_val=X[:30]).run()
    table = Trainer(small(**settings), X, X_val=X[:30]).run()
    assert kill.state_of(streamed) == kill.state_of(table)
    assert streamed._run.best[0] == table._run.best[0]


SOURCES = {
    "callable": lambda folder: again(),
    "small chunks": lambda folder: again(n=7),
    "sparse": lambda folder: lambda: map(sp.csr_matrix, cut()),
    "frames": lambda folder: lambda: map(pd.DataFrame, cut()),
    "iterator": lambda folder: iter(cut(np.tile(X, (6, 1)))),
    "files": all_files,
}
sources = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


@pytest.mark.parametrize("buffer_rows", [None, 70])
@sources
def test_the_number_of_threads_changes_no_bit(source, buffer_rows, folder):
    got = []
    for n_threads in (1, 2):
        with team_of(n_threads):
            model = small(n_threads=n_threads)
            Trainer(model, source(folder), buffer_rows=buffer_rows).run(500)
        got.append((bits(model), history(model)))
    assert got[0] == got[1]


@pytest.mark.parametrize("buffer_rows", [None, 70])
@pytest.mark.parametrize("n_steps", [4, 5, 19])
@sources
def test_a_resumed_run_has_the_same_bits(source, n_steps, buffer_rows, folder, tmp_path):
    """It stops within a block, at its end, and in a later epoch."""
    path = tmp_path / "run.safetensors"
    model = AEVB(**SMALL, n_epochs=9)
    first = Trainer(model, source(folder), checkpoint=path, buffer_rows=buffer_rows)
    first.step(n_steps)
    first.save_checkpoint()
    first.step(7)
    second = Trainer.resume(path, source(folder))
    assert second._run == first._run or second.model.n_steps_ == n_steps
    assert kill.state_of(second.step(7)) == kill.state_of(first)
    assert second.n_train == first.n_train
    assert kill.state_of(second.run(560)) == kill.state_of(first.run(560))


def test_an_interrupted_run_goes_on():
    def interrupt(trainer):
        if len(trainer.history["seconds"]) == 2:
            raise KeyboardInterrupt

    stopped = Trainer(small(), again(), callbacks=[interrupt])
    with pytest.raises(KeyboardInterrupt):
        stopped.run(300)
    assert kill.state_of(stopped.run(500)) == kill.state_of(Trainer(small(), again()).run(500))


def test_results_are_those_of_blocks_by_hand():
    """Each block is trained on as `partial_fit` trains on a table, with the N of the rows seen."""
    by_hand = small()
    for block in (X[:60], X[60:]):
        by_hand.partial_fit(block)
    trainer = Trainer(small(), again(), buffer_rows=60).run(N)
    assert bits(trainer.model) == bits(by_hand)


# ------------------------------------------------------------------------------------------- blocks
@pytest.fixture(name="blocks")
def blocks_of_rows(monkeypatch):
    """The first value of each row of the blocks that are trained on."""
    seen, load = [], stream.Stream.load

    def note(self, run):
        load(self, run)
        data = self._current.checked.data.X
        if not seen or seen[-1] is not data:
            seen.append(data)

    monkeypatch.setattr(stream.Stream, "load", note)
    return seen


def numbers(blocks):
    return [block[:, 0].tolist() for block in blocks]


@pytest.mark.parametrize(
    ("size", "buffer_rows", "sizes"),
    [
        (30, None, [30, 30, 30, 10]),
        (7, None, [21, 21, 21, 21, 16]),  # at least a minibatch
        (30, 50, [60, 40]),
        (7, 50, [56, 44]),
        (30, 10, [30, 30, 30, 10]),
        (100, 5, [100]),
    ],
)
def test_blocks_are_of_whole_chunks(size, buffer_rows, sizes, blocks):
    trainer = Trainer(small(), again(n=size), buffer_rows=buffer_rows).run(2 * N)
    assert [len(block) for block in blocks] == 2 * sizes
    np.testing.assert_array_equal(np.concatenate(blocks), np.tile(X, (2, 1)))
    assert trainer.n_train == N
    assert trainer.history["samples_seen"] == [N, 2 * N]


def test_numbered_parts_are_shuffled_anew_in_each_epoch(blocks, folder):
    files = all_files(folder)
    whole = sorted(x for i in range(6) for x in np.roll(X, i, axis=0)[:50, 0].tolist())
    orders = []
    for seed in (0, 1):
        trainer = Trainer(small(random_state=seed), files)
        assert trainer.n_train == 300
        trainer.run(600)
        orders += [numbers(blocks[:12]), numbers(blocks[12:])]
        blocks.clear()
    for order in orders:
        assert sorted(x for block in order for x in block) == whole
    assert len({tuple(block[0] for block in order) for order in orders}) == 4


def test_each_epoch_shuffles_the_rows_of_a_block(monkeypatch):
    """The core's permutation has the number of steps at the start of the block as its key."""
    keys, train = [], stream.Engine.train

    def note(self, *args, epoch, position, **options):
        keys.append((epoch, position))
        return train(self, *args, epoch=epoch, position=position, **options)

    monkeypatch.setattr(stream.Engine, "train", note)
    Trainer(small(), again(n=50)).run(2 * N)
    assert keys == [(0, 0), (3, 0), (6, 0), (9, 0)]


def test_chunks_without_rows_are_passed_over(blocks):
    Trainer(small(), lambda: [X[:0], X[:50], X[:0], X[50:], X[:0]]).run(N)
    assert [len(block) for block in blocks] == [50, 50]


@pytest.mark.parametrize("way", ["run", "step"])
@pytest.mark.parametrize("buffer_rows", [None, 90])
def test_memory_holds_two_chunks_and_the_buffer(way, buffer_rows):
    """While the last chunk of a block is trained on, the next is read."""
    alive, most = [], []

    def chunks():
        for i in range(20):
            most.append(sum(ref() is not None for ref in alive))
            x = np.random.default_rng(i).random((30, D)).astype(np.float32)
            alive.append(weakref.ref(x))
            yield x
            del x

    trainer = Trainer(small(), chunks, buffer_rows=buffer_rows)
    trainer.run(1100) if way == "run" else trainer.step(80)
    assert len(most) > 35
    # when a chunk is about to be made: that which is trained on, or those of a buffer
    assert max(most) in ([1] if buffer_rows is None else [2, 3])


def test_the_rows_of_frames_lie_together(blocks):
    """Other rows stay where they are."""
    frames = [pd.DataFrame(np.asfortranarray(part)) for part in cut(n=50)]
    Trainer(small(), lambda: frames).run(N)
    assert [block.flags.c_contiguous for block in blocks] == [True, True]
    blocks.clear()
    arrays = [np.asfortranarray(part) for part in cut(n=50)]
    Trainer(small(), lambda: arrays).run(N)
    assert all(map(np.shares_memory, blocks, arrays))


def test_a_block_is_given_back_before_the_next_is_joined(monkeypatch):
    joined, alive, load = [], [], stream.Stream.load

    def note(self, run):
        load(self, run)
        joined.append(weakref.ref(self._current.checked.data.X))

    def chunks():
        for i in range(12):
            alive.append(any(ref() is not None for ref in joined))
            yield X[i : i + 30]

    monkeypatch.setattr(stream.Stream, "load", note)
    Trainer(small(n_epochs=1), chunks(), buffer_rows=90).run()
    # the first chunk of a block is read while the last block is trained on
    assert [alive[i] for i in (4, 5, 7, 8, 10, 11)] == [False] * 6


LIMITED = """
import resource, sys
import numpy as np
from aevb import AEVB, Trainer

def data_of_process():
    with open("/proc/self/status") as file:
        return 1024 * next(int(line.split()[1]) for line in file if line.startswith("VmData"))

X = np.random.default_rng(0).random((1000, 1000), dtype=np.float32)  # 4 MB
small = dict(hidden_layer_sizes=(4,), batch_size=500, likelihood="bernoulli", n_threads=1)
AEVB(2, n_epochs=1, **small).fit(lambda: [X])  # what a first fit loads
most = data_of_process() + 80 * 10**6
resource.setrlimit(resource.RLIMIT_DATA, (most, most))
for buffer_rows in (3000, 30_000):
    chunks = (X * np.float32(0.99**i) for i in range(100))
    try:
        model = AEVB(2, n_epochs=1, **small)
        print(Trainer(model, chunks, buffer_rows=buffer_rows).run().model.n_samples_seen_)
    except MemoryError:
        print("out of memory")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts what RLIMIT_DATA bounds")
def test_a_source_may_have_more_rows_than_memory(tmp_path):
    """It has 400 MB, of which 80 MB fit: two blocks of 12 MB do, and one of 120 MB does not."""
    command = [sys.executable, "-W", "ignore", "-c", LIMITED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("100000\nout of memory\n", "")


def test_the_memory_is_printed(capsys):
    Trainer(small(verbose=1), again(), progress=False)
    assert capsys.readouterr().err == "blocks of 30 rows, about 0.00144 MB in memory\n"
    Trainer(small(verbose=1), again(), progress=False, buffer_rows=60)
    assert capsys.readouterr().err == "blocks of 60 rows, about 0.0036 MB in memory\n"
    Trainer(small(), again())
    assert capsys.readouterr().err == ""


# ------------------------------------------------------------------------ how long, how often, N
def test_a_callable_is_called_once_per_epoch():
    calls = []

    def chunks():
        calls.append(1)
        return iter(cut())

    small(n_epochs=4).fit(chunks)
    assert len(calls) == 4


def test_an_iterator_is_one_epoch():
    table = np.tile(X, (3, 1))
    model = AEVB(**SMALL).fit(iter(cut(table)))  # n_epochs="auto"
    assert model.n_samples_seen_ == 3 * N
    assert model.history_["samples_seen"] == [3 * N]
    unfitted = small(n_epochs=2)
    with pytest.raises(
        ValueError, match=r"which has its rows once, but n_epochs=2; want n_epochs=1"
    ):
        unfitted.fit(iter(cut()))
    assert not hasattr(unfitted, "weights_")


def test_an_iterator_has_no_second_epoch():
    trainer = Trainer(small(), iter(cut()))
    with pytest.raises(ValueError, match="which has its rows once, but a second pass"):
        trainer.run(150)
    assert trainer.model.n_samples_seen_ == N
    assert trainer.history["samples_seen"] == [N]
    trainer.run(N)  # nothing more is wanted


def test_a_run_without_end_ends_with_an_iterator():
    trainer = Trainer(small(), iter(cut())).run(np.inf)
    assert trainer.history["samples_seen"] == [N]


@pytest.mark.parametrize("n", [N, 150])
def test_auto_counts_the_rows_first(n):
    source = again(np.tile(X, (2, 1))[:n])
    trainer = Trainer(AEVB(**SMALL), source)
    assert (trainer.n_train, trainer.n_epochs) == (np.inf, 5)
    trainer.run(n + 1)  # the end of a pass is seen when more rows are wanted
    assert (trainer.n_train, trainer.n_epochs) == (n, 2000)


def test_the_schedule_begins_when_the_rows_are_counted(monkeypatch):
    factors, train = [], stream.Engine.train

    def note(self, *args, rate_factors, **options):
        factors.append(rate_factors)
        return train(self, *args, rate_factors=rate_factors, **options)

    monkeypatch.setattr(stream.Engine, "train", note)
    small(learning_rate_schedule="linear").fit(again(n=50))
    assert factors[:2] == [None, None]
    assert factors[2] == pytest.approx([1 - (N + 20 * i) / 300 for i in range(3)])
    factors.clear()
    Trainer(small(learning_rate_schedule="linear"), again(n=50)).run(200)
    assert factors[0] == pytest.approx([1, 0.9, 0.8])


def test_a_warm_up_needs_the_number_of_rows(folder):
    model = AEVB(**SMALL, kl_warmup=0.5, n_epochs=2)
    with pytest.raises(ValueError, match=r"^kl_warmup: got 0.5, .* not known; want kl_warmup=0"):
        model.fit(again())
    assert Trainer(model, again()).run(200).model.n_samples_seen_ == 200
    assert model.fit(all_files(folder)).n_samples_seen_ == 600


def test_n_of_the_prior_is_known_or_counts_the_rows_seen(folder):
    known, counted = Trainer(small(), all_files(folder)), Trainer(small(), again())
    assert (known._run.n_prior, counted._run.n_prior) == (300, 0)
    seen = []
    for _ in range(8):
        counted.step()
        seen.append(counted._run.n_prior)
    assert seen == [30, 30, 60, 60, 90, 90, 100, 100]
    counted.run(300)
    known.run(400)
    assert (known._run.n_prior, counted._run.n_prior) == (300, 100)


def test_partial_fit_takes_a_source():
    first, second = X[:40], X[40:]
    streamed = small().partial_fit(lambda: [first]).partial_fit(iter([second]))
    table = small().partial_fit(first).partial_fit(second)
    assert bits(streamed) == bits(table)


@pytest.mark.parametrize("make", [again, lambda: iter(cut(np.tile(X, (9, 1))))])
def test_the_history_goes_by_rows_while_their_number_is_not_known(make, monkeypatch):
    monkeypatch.setattr(stream, "ENTRY_ROWS", 60)
    trainer = Trainer(small(), make(), X_val=X[:20]).run(270)
    is_counted = trainer.n_train == N
    rows = [60, 100, 200, 270] if is_counted else [60, 120, 180, 240, 270]
    seen = trainer.history["samples_seen"]
    assert seen == rows[: len(seen)]
    assert len(seen) == (3 if is_counted else 5)
    assert np.isfinite(trainer.history["validation_bound"]).all()
    sums = np.diff([0, *seen]) * trainer.history["train_bound"]
    if not is_counted:
        assert sums.sum() == pytest.approx(trainer.model._engine.bound_sum)


def test_a_stream_without_end(monkeypatch, tmp_path):
    monkeypatch.setattr(stream, "ENTRY_ROWS", 200)

    def for_ever():
        while True:
            yield from cut()

    calls = []
    stop = lambda trainer: calls.append(trainer.model.n_samples_seen_) or len(calls) == 3  # noqa: E731
    path = tmp_path / "run.safetensors"
    trainer = Trainer(small(), for_ever(), callbacks=[stop], checkpoint=path).run(np.inf)
    assert calls == trainer.history["samples_seen"] == [230, 430, 630]
    resumed = Trainer.resume(path, for_ever())
    assert resumed._run.checkpoint_every == 200
    assert kill.state_of(resumed.run(900)) == kill.state_of(trainer.run(900))


def test_an_epoch_that_an_entry_ends_has_no_other(monkeypatch):
    monkeypatch.setattr(stream, "ENTRY_ROWS", N)
    assert small(n_epochs=2).fit(again()).history_["samples_seen"] == [N, 2 * N]


def test_an_epoch_may_have_other_rows_than_the_last(blocks):
    lengths = iter([100, 60, 100, 100])
    trainer = Trainer(small(), lambda: cut(X[: next(lengths)]))
    trainer.run(310)
    assert [len(block) for block in blocks] == [30, 30, 30, 10, 30, 30, 30, 30, 30, 10, 30, 30]
    assert trainer.history["samples_seen"] == [100, 160, 260]
