"""Rounds of training on workers: who has which rows, and means. test_dask.py has a cluster."""

import doctest
import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.utils.estimator_checks import estimator_checks_generator
from test_declarations import entries
from test_sklearn_checks import OF_DEFAULTS, agree

from aevb import AEVB, DaskAEVB
from aevb.core.engine import Subset
from aevb.data.moments import column_moments
from aevb.data.validation import check_data
from aevb.distributed.assignment import Rounds, assign, shares
from aevb.distributed.partitions import (
    Judge,
    Recipe,
    chosen_rows,
    join,
    joined_schema,
    joined_tables,
    measure,
    take,
)
from aevb.distributed.rounds import Order, mean_of, train_share
from aevb.distributed.team import _spread

SMALL = {"n_components": 2, "hidden_layer_sizes": (5,), "batch_size": 10, "random_state": 0}
X = np.random.default_rng(0).normal(size=(100, 3))


# -------------------------------------------------------------------------- partitions of workers
@pytest.mark.parametrize(
    ("sizes", "holders", "workers", "expected"),
    [
        ([5, 5, 5, 5], ["b", "a", "b", "a"], "ab", {"b": (0, 2), "a": (1, 3)}),
        ([5, 5, 5, 5], ["a", "a", "a", "a"], "ab", {"a": (2, 3), "b": (0, 1)}),
        ([5, 5], ["a", "a"], "abc", {"a": (1,), "b": (0,)}),  # one worker takes no part
        ([5, 5, 5], ["x", "a", "b"], "ab", {"a": (0, 1), "b": (2,)}),  # that of a dead worker
        ([9, 1, 1, 1], ["a", "b", "b", "b"], "ab", {"a": (0,), "b": (1, 2, 3)}),
        ([11, 9], ["a", "b"], "ab", {"a": (0,), "b": (1,)}),  # nearly even
        ([7], [""], "ab", {"a": (0,)}),
    ],
)
def test_partitions_stay_unless_their_worker_has_too_many(sizes, holders, workers, expected):
    groups = assign(sizes, [list(one) for one in holders], list(workers))
    assert dict(groups) == expected
    assert [parts[0] for _, parts in groups] == sorted(parts[0] for _, parts in groups)


def test_a_partition_with_copies_goes_where_fewer_rows_are():
    groups = assign([5, 3, 3], [["a"], ["a", "b"], ["b", "a"]], ["a", "b"])
    assert dict(groups) == {"a": (0,), "b": (1, 2)}


def test_shares_are_in_proportion():
    assert shares(10, [50, 30, 20]) == [5, 3, 2]
    rng = np.random.default_rng(0)
    for _ in range(100):
        sizes = rng.integers(1, 9, size=5).tolist()
        n = int(rng.integers(1, sum(sizes) + 1))
        parts = shares(n, sizes)
        assert sum(parts) == n
        assert all(0 <= part <= size for part, size in zip(parts, sizes, strict=True))
        assert all(abs(p - n * s / sum(sizes)) < 1 for p, s in zip(parts, sizes, strict=True))


# ------------------------------------------------------------------------------- rounds of an epoch
@pytest.mark.parametrize("sizes", [(1800, 1800), (950, 101, 30), (7,), (40, 1), (10, 10, 10)])
@pytest.mark.parametrize("sync_every", [1, 3, 100])
def test_an_epoch_visits_each_minibatch_once(sizes, sync_every):
    rounds, position = Rounds(sizes, 10), 0
    done, n_rounds = [0] * len(sizes), 0
    while position < sum(sizes):
        left = -(-(sum(sizes) - position) // 10)
        first, last = rounds.part(position, min(left, rounds.longest(sync_every)))
        assert first == done
        own = [b - a for a, b in zip(first, last, strict=True)]
        assert min(own) >= 0
        assert 1 <= max(own) <= sync_every
        done, n_rounds = last, n_rounds + 1
        position = sum(min(n * 10, size) for n, size in zip(done, sizes, strict=True))
    assert done == rounds.n_steps == [-(-size // 10) for size in sizes]
    assert n_rounds <= max(rounds.n_steps) / sync_every * 1.5 + 2


def test_workers_are_at_about_the_same_fraction():
    first, last = Rounds((1000, 500), 10).part(300, 30)
    assert (first, last) == ([20, 10], [40, 20])


def test_after_a_loss_a_round_begins_near_the_same_rows():
    """Three workers had done 100 of 300 rows. Two go on, and end in time."""
    rounds = Rounds((200, 100), 10)
    first, last = rounds.part(100, 100)
    assert first in ([6, 3], [7, 3], [6, 4])
    assert last == [20, 10]
    assert rounds.part(299, 1)[1] == [20, 10]


# ------------------------------------------------------------------------------------- partitions
def judge():
    return AEVB(**SMALL)


def facts_of(*parts):
    return [measure(judge(), part, i, is_new=True) for i, part in enumerate(parts)]


def test_facts_of_a_partition():
    part = X.copy()
    part[3, 1] = np.nan
    (facts,) = facts_of(part)
    assert (facts.n_rows, facts.names, facts.schema, facts.holes) == (100, None, None, True)
    assert (facts.low, facts.high) == (np.nanmin(part), np.nanmax(part))
    for got, want in zip(facts.moments, column_moments(part), strict=True):
        np.testing.assert_array_equal(got, want)
    assert measure(judge(), X[:0], 0, is_new=True).n_rows == 0
    with pytest.raises(ValueError, match=r"partition 7 of X: .*infinity"):
        measure(judge(), np.full((2, 2), np.inf), 7, is_new=True)


def frames():
    words = pd.DataFrame({"w": ["b", "a", None], "n": [1, 2, 3], "c": pd.Categorical(list("zyz"))})
    more = pd.DataFrame({"w": ["c", "a"], "n": [0.5, 2], "c": pd.Categorical(["x", "z"])})
    empty = pd.DataFrame({"w": pd.Series([None], dtype=object), "n": [np.nan], "c": [None]})
    return words, more, empty.astype({"c": "category"})


def test_a_schema_has_the_levels_of_all_partitions():
    w, n, c = joined_schema(facts_of(*frames())).columns
    assert (w.kind, w.levels) == ("category", ("a", "b", "c"))
    assert (n.kind, n.dtype) == ("float", "float64")
    assert (c.kind, c.levels, c.ordered) == ("category", ("y", "z", "x"), False)
    assert joined_schema(facts_of(X, X)) is None
    order = pd.CategoricalDtype(["low", "high"], ordered=True)
    ordered = [pd.DataFrame({"o": pd.Series([level], dtype=order)}) for level in order.categories]
    (column,) = joined_schema(facts_of(*ordered)).columns
    assert (column.levels, column.ordered) == (("low", "high"), True)


def test_partitions_have_the_same_columns():
    words, more, _ = frames()
    with pytest.raises(ValueError, match=r"partition 1 has 2 columns, the first has 3 columns"):
        joined_schema(facts_of(X, X[:, :2]))
    with pytest.raises(ValueError, match=r"partition 1 has the columns w, n, d, the first has"):
        joined_schema(facts_of(words, more.rename(columns={"c": "d"})))
    with pytest.raises(ValueError, match=r"'w' has categories in one partition and numbers"):
        joined_schema(facts_of(words, more.assign(w=1.0)))


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix, sp.coo_array, pd.DataFrame])
def test_held_out_rows_are_not_trained_on(container):
    """They and the others are all rows, once. Both depend on the number of the partition."""
    parts = [container(X[:60]), container(X[60:])]
    model = AEVB(**SMALL, n_epochs=1).fit(pd.DataFrame(X) if container is pd.DataFrame else X)
    recipe = Recipe(Judge(model), model._engine.units, model._engine.settings, 5)
    taken = [take(part, i, 5, n, 4) for i, (part, n) in enumerate(zip(parts, (6, 4), strict=True))]
    held_out, some = (
        np.asarray(t.todense() if sp.issparse(t) else t)
        for t in (joined_tables([pair[k] for pair in taken]) for k in (0, 1))
    )
    share = join(recipe, [0, 1], [6, 4], *parts)
    rows = share.data.X.toarray() if sp.issparse(share.data.X) else share.data.X
    assert (len(held_out), len(some), len(rows)) == (10, 8, 90)
    everything = np.concatenate([held_out, rows])
    np.testing.assert_array_equal(everything[np.argsort(everything[:, 0])], X[X[:, 0].argsort()])
    assert set(some[:, 0]) <= set(rows[:, 0])
    assert not np.array_equal(chosen_rows(60, 6, 5, 0), chosen_rows(60, 6, 5, 1))
    again = pickle.loads(pickle.dumps(share))
    assert again.rows.shape == (90, 3)
    assert share.__sizeof__() >= rows.nbytes


def test_vectors_of_a_message_may_be_unaligned():
    """Dask passes parts of its messages as arrays."""

    def shifted(values):
        room = np.zeros(values.nbytes + 1, np.uint8)[1:].view(values.dtype)
        room[:] = values
        return room

    whole = sp.csr_matrix(X)
    vectors = tuple(map(shifted, (whole.data, whole.indices, whole.indptr)))
    assert not any(v.flags.aligned for v in vectors)
    part = sp.csr_matrix(vectors, shape=X.shape)
    data = check_data(judge(), part, is_new=True)
    assert all(v.flags.aligned for v in (data.X.data, data.X.indices, data.X.indptr))
    np.testing.assert_array_equal(data.X.toarray(), X)


def test_a_share_keeps_the_range_of_its_partitions():
    model = AEVB(**SMALL, n_epochs=1).fit(X)
    recipe = Recipe(Judge(model), model._engine.units, model._engine.settings, 5)
    holes = np.where(X > 2, np.nan, X)[60:]
    holes[3, 1] = 9
    data = join(recipe, [0, 1], [0, 0], np.float32(X[:60]), holes).data
    everything = np.concatenate([np.float32(X[:60]), holes])
    assert (data.low, data.high) == (np.nanmin(everything), np.nanmax(everything))
    assert data.holes
    assert data.X.dtype == np.float64
    counts = AEVB(**SMALL, n_epochs=1, likelihood="poisson").fit(np.arange(12).reshape(6, 2))
    recipe = Recipe(Judge(counts), counts._engine.units, counts._engine.settings, 5)
    with pytest.raises(ValueError, match=r"'poisson' wants integers"):
        join(recipe, [0], [0], np.full((3, 2), 0.5))


# ------------------------------------------------------------------------------------- one round
def fitted():
    return AEVB(**SMALL, n_epochs=1, early_stopping=False).fit(X)


def ordered(rank, n, **changes):
    order = Order(rank, 7, 0, n, None, None, 100, 1)
    return order._replace(**changes)


def share_of(model):
    recipe = Recipe(Judge(model), model._engine.units, model._engine.settings, 5)
    return join(recipe, [0], [0], X)


def bits(engine):
    return b"".join(w.tobytes() for a in ("weights", "state1", "state2")
                    for w in engine.arrays(a).values())  # fmt: skip


def test_a_worker_trains_as_the_engine_does():
    model = fitted()
    engine, share = model._engine, share_of(model)
    before = bits(engine)
    order = ordered(3, 4, position=20, rate_factors=[1, 0.5, 0.2, 0.1], n_threads=None)
    result = train_share(share, engine, order, 1)
    assert bits(engine) == before  # a result of Dask must not change
    twin = engine.copy()
    done = twin.train(
        share.rows, Subset(0, 100, split=False), epoch=7 + (3 << 40), position=20, max_steps=4,
        n_train=100, n_threads=1, rate_factors=[1, 0.5, 0.2, 0.1], rank=3,
    )  # fmt: skip
    assert bits(result.engine) == bits(twin)
    assert (result.n_steps, result.most_steps, result.n_rows) == (4, 4, 40)
    assert (result.bound_sum, result.diverged) == (done.bound_sum, False)
    others = [
        train_share(share, engine, order._replace(**change), 1)
        for change in (
            {"rank": 4}, {"epoch": 8}, {"position": 30}, {"rate_factors": None},
            {"n_train": 10},
        )
    ]  # fmt: skip
    assert len({bits(one.engine) for one in [result, *others]}) == 6


def test_a_mean_counts_each_minibatch_once():
    model = fitted()
    engine, share = model._engine, share_of(model)
    one, two, three = (
        train_share(share, engine, ordered(rank, n), 1) for rank, n in enumerate((3, 1, 4))
    )
    pair = mean_of(one, two)
    assert (pair.n_steps, pair.most_steps, pair.n_rows) == (4, 3, 40)
    assert pair.bound_sum == one.bound_sum + two.bound_sum
    mean = mean_of(pair, three)
    assert (mean.n_steps, mean.most_steps, mean.n_rows, mean.diverged) == (8, 4, 80, False)
    for arena in ("weights", "state1", "state2"):
        arrays = [result.engine.arrays(arena) for result in (one, two, three)]
        for name, got in mean.engine.arrays(arena).items():
            want = np.average([a[name] for a in arrays], axis=0, weights=(3, 1, 4))
            size = max(abs(a[name]).max() for a in arrays)
            # two rounds of a product and two sums, each within half an eps of float32
            np.testing.assert_allclose(got, want, rtol=0, atol=8 * 2**-24 * size)


def test_a_divergence_is_that_of_both():
    model = fitted()
    engine, share = model._engine, share_of(model)
    fine = train_share(share, engine, ordered(0, 2), 1)
    hot = pickle.loads(pickle.dumps(engine))  # as a worker gets it
    hot.learning_rate = 1e30
    assert (hot.n_steps, hot.seed) == (engine.n_steps, engine.seed)
    wild = train_share(share, pickle.loads(pickle.dumps(hot)), ordered(1, 9), 1)
    assert wild.diverged
    assert mean_of(fine, wild).diverged
    assert mean_of(wild, fine).diverged


def test_factors_are_spread_over_the_minibatches_of_a_worker():
    assert _spread([1, 2, 3, 4, 5, 6], 3) == [1, 3, 5]
    assert _spread([1, 2], 4) == [1, 1, 2, 2]
    assert _spread(None, 4) is None


# ------------------------------------------------------------------------- the face of DaskAEVB
def test_its_parameters_are_those_of_aevb_and_two_more():
    names = list(AEVB().get_params())
    assert sorted(DaskAEVB().get_params()) == sorted([*names, "client", "sync_every"])
    assert set(entries(DaskAEVB)) == {*names, "client", "sync_every"}
    assert max(map(len, DaskAEVB.__doc__.splitlines())) <= 100 - 4
    assert list(inspect.signature(DaskAEVB).parameters)[:2] == ["client", "n_components"]
    assert DaskAEVB().get_params() == AEVB().get_params() | {"client": None, "sync_every": 250}
    assert DaskAEVB(None, 3, n_epochs=7)._unfitted().get_params() == (
        AEVB(3, n_epochs=7).get_params()
    )
    assert repr(DaskAEVB(n_epochs=3)) == "DaskAEVB(n_epochs=3)"
    with pytest.raises(TypeError, match="n_component"):
        DaskAEVB(n_component=3)


def test_scikit_learn_agrees_with_the_defaults():
    checks = [
        (estimator, check)
        for estimator, check in estimator_checks_generator(DaskAEVB())
        if check.func.__name__ in OF_DEFAULTS
    ]
    assert {check.func.__name__ for _, check in checks} == OF_DEFAULTS
    for estimator, check in checks:
        agree(estimator, check)


def test_the_example_of_its_documentation_runs():
    (example,) = doctest.DocTestFinder(recurse=False).find(DaskAEVB, "DaskAEVB")
    assert doctest.DocTestRunner(verbose=False).run(example).failed == 0


def test_a_reader_reads_as_its_model():
    frame = pd.DataFrame(X, columns=list("abc"))
    model = AEVB(**SMALL, n_epochs=1).fit(frame)
    reader = pickle.loads(pickle.dumps(Judge(model)))
    np.testing.assert_array_equal(check_data(reader, frame).X, X)
    with pytest.raises(ValueError, match="feature names should match"):
        check_data(reader, frame.rename(columns={"a": "z"}))
