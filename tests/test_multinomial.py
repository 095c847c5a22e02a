"""The multinomial: counts whose total is given, all columns together."""

import numpy as np
import pandas as pd
import pytest
from hooks import kernels
from likelihoods import twin
from oracle import U, assert_close
from scipy import sparse, stats
from scipy.special import softmax

from aevb import AEVB, Evaluator, WakeSleep, cli, plots

NAME = "multinomial"
TWIN = twin(NAME)


# --- the kernel -------------------------------------------------------------------------------
def check(a, x):
    r, (gradient,) = kernels.levels(NAME, [a], x, [a.shape[1]])
    exact = [np.float64(a)], np.float64(x)
    (want_r, (want,)), (error_r, (error,)) = TWIN.log_p(*exact), TWIN.error(*exact)
    assert_close(r, want_r, error_r, "r")
    assert_close(gradient, want, error, "gradient")
    _, (alone,) = kernels.levels(NAME, [a], x, [a.shape[1]], with_r=False)
    np.testing.assert_array_equal(gradient, alone)
    return r, gradient


@pytest.mark.parametrize("d", [1, 2, 7, 16, 17, 65, 1000])
def test_the_kernel_is_the_twin(vectors, d):
    rng = np.random.default_rng(d)
    (a,), x = TWIN.examples(rng, 20, d)
    check(a, x)
    (a,), x = TWIN.examples(rng, 20, d, spread=30.0, total=100_000)
    check(a, x)
    x[rng.random(x.shape) < 0.3] = np.nan
    x[0], x[1, 0] = np.nan, np.nan
    r, gradient = check(a, x)
    assert r[0] == 0
    assert (gradient[np.isnan(x)] == 0).all()


def test_the_kernel_at_the_extremes(vectors):
    a = np.float32([[0, 0, 0], [200, -200, 0], [-3e38, 0, 1], [1e30, 1e30, -1e30], [88, 89, 90]])
    for x in ([0, 0, 0], [1, 0, 0], [0, 1, 1e6], [3e7, 2, 1]):
        rows = np.tile(np.float32(x), (len(a), 1))
        legal = (np.float64(rows) * (np.float64(a) - np.float64(a).max(1, keepdims=True))).sum(
            1
        ) > -1e30
        check(a[legal], rows[legal])


def test_the_twins_gradient_is_the_derivative():
    (a,), x = TWIN.examples(np.random.default_rng(0), 10, 6)
    a, x = np.float64(a), np.float64(x)
    for j in range(6):
        step = 1e-5 * (np.arange(6) == j)
        slope = (TWIN.log_p([a + step], x)[0] - TWIN.log_p([a - step], x)[0]) / 2e-5
        np.testing.assert_allclose(TWIN.log_p([a], x)[1][0][:, j], slope, rtol=1e-6, atol=1e-6)
    counts = x[x.sum(1) > 0]
    expected = [
        stats.multinomial.logpmf(c, c.sum(), softmax(logits))
        for c, logits in zip(counts, a[x.sum(1) > 0], strict=True)
    ]
    np.testing.assert_allclose(TWIN.log_p([a], x)[0][x.sum(1) > 0], expected, rtol=1e-10)


def test_means_are_shares(vectors):
    (a,), _ = TWIN.examples(np.random.default_rng(1), 20, 37)
    got = kernels.level_means(NAME, [a], [37])
    below = np.abs(a - a.max(1, keepdims=True))
    want = TWIN.mean([np.float64(a)])
    error = want * (U * below + U * (want * below).sum(1, keepdims=True) + (37 + 24) * U)
    assert_close(got, want, error, "shares")


# --- the model --------------------------------------------------------------------------------
D = 30


def documents(n=600, seed=0):
    """Counts of D words in texts of 20 to 100 words on three topics."""
    rng = np.random.default_rng(seed)
    topics = np.random.default_rng(9).dirichlet(np.full(D, 0.2), 3)
    shares = rng.dirichlet(np.full(3, 0.3), n) @ topics
    return np.array([rng.multinomial(rng.integers(20, 101), p) for p in shares])


@pytest.fixture(scope="module")
def fitted():
    options = {"hidden_layer_sizes": (32,), "n_epochs": 60, "random_state": 0}
    return AEVB(3, likelihood=NAME, **options).fit(documents())


def test_it_learns_topics(fitted):
    """The bound is above log p(x) with the same shares for all rows."""
    test = documents(seed=1)
    shares = (documents().sum(0) + 1) / (documents().sum() + D)
    same = stats.multinomial.logpmf(test, test.sum(1), shares).mean()
    assert fitted.score(test) > same + 10
    assert fitted.likelihood_ == NAME


def test_a_new_decoder_has_the_shares_of_the_columns():
    """Where x does not depend on z, log p(x) is that of the shares."""
    X = documents()
    model = AEVB(2, likelihood=NAME, learning_rate=1e-30, n_epochs=1, random_state=0).fit(X)
    weights = {name: np.zeros_like(w) for name, w in model.weights_.items() if "logits" not in name}
    weights["decoder.logits.bias"] = model.weights_["decoder.logits.bias"]
    weights["decoder.logits.weight"] = np.zeros_like(model.weights_["decoder.logits.weight"])
    model.set_weights(weights)
    shares = np.maximum(X.mean(0), 1e-3)
    shares = shares / shares.sum()
    expected = stats.multinomial.logpmf(X, X.sum(1), shares)
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-4)
    np.testing.assert_allclose(model.inverse_transform([[1, 2]])[0], shares, rtol=1e-3)


def test_sparse_counts_and_threads(fitted):
    X = documents()
    rows = sparse.csr_matrix(X)
    assert fitted.score(rows) == fitted.score(X)
    one = AEVB(**fitted.get_params()).set_params(n_threads=1, n_epochs=2).fit(rows)
    two = AEVB(**fitted.get_params()).set_params(n_threads=2, n_epochs=2).fit(X)
    assert one.transform(X).tobytes() == two.transform(X).tobytes()


def test_reconstructions_have_the_totals_of_the_rows(fitted):
    X = documents()
    for rows in (X, sparse.csr_matrix(X)):
        got = fitted.reconstruct(rows)
        np.testing.assert_allclose(got.sum(1), X.sum(1), rtol=1e-5)
    shares = fitted.inverse_transform(fitted.transform(X))
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(got, shares * X.sum(1, keepdims=True), rtol=1e-5)


def test_draws_have_the_totals_that_are_asked_for(fitted):
    drawn = fitted.sample(400, random_state=0, totals=1000)
    assert (drawn.sum(1) == 1000).all()
    assert (drawn == np.rint(drawn)).all()
    assert drawn.tobytes() == fitted.sample(400, random_state=0, totals=1000).tobytes()
    one = fitted.sample(3, random_state=0, totals=sparse.csr_matrix(documents(3)).sum(axis=1))
    np.testing.assert_array_equal(one.sum(1), documents(3).sum(1))
    each = np.arange(400)
    np.testing.assert_array_equal(fitted.sample(400, random_state=0, totals=each).sum(1), each)
    shares = drawn.mean(0) / 1000
    assert np.abs(shares - documents().sum(0) / documents().sum()).sum() < 0.3


def test_missing_counts_leave_the_others():
    """A text whose counts are partly missing is a text of the other words."""
    X = documents().astype(float)
    X[::3, :10] = np.nan
    X[0] = np.nan
    model = AEVB(2, likelihood=NAME, n_epochs=20, random_state=0).fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    assert model.score_samples(X[:1]) == pytest.approx(0, abs=1)
    for rows in (X, sparse.csr_matrix(X)):
        means = np.where(np.isnan(X), 0, model.reconstruct(rows))
        np.testing.assert_allclose(means.sum(1), np.nansum(X, axis=1), rtol=1e-5)
    quality = Evaluator(model).column_quality(X)
    assert (quality > 0).mean() > 0.5
    assert quality.min() > -0.5
    with pytest.raises(ValueError, match="X: got missing multinomial counts, want all of them"):
        model.impute(X)


def test_counts_beside_other_columns():
    """The multinomial is one block of a table: the others have their own likelihoods."""
    X = documents()
    frame = pd.DataFrame(X, columns=[f"word{i}" for i in range(D)])
    frame["length"] = X.sum(1) * 0.5
    frame["kind"] = np.where(X[:, 0] > 2, "news", "other")
    words = list(frame.columns[:D])
    model = AEVB(3, likelihood=[(NAME, words)], n_epochs=20, random_state=0).fit(frame)
    assert model.likelihood_["word3"] == NAME
    drawn = model.sample(5, totals=[1, 2, 3, 4, 50], random_state=0)
    assert list(drawn[words].sum(axis=1)) == [1, 2, 3, 4, 50]
    assert set(drawn["kind"]) <= {"news", "other"}
    assert dict(drawn.dtypes) == dict(frame.dtypes)
    np.testing.assert_allclose(model.reconstruct(frame)[words].sum(axis=1), X.sum(1), rtol=1e-5)
    holed = frame.assign(kind=frame["kind"].where(np.arange(len(X)) > 50))
    assert set(model.impute(holed, random_state=0)["kind"]) == {"news", "other"}

    judge = Evaluator(model, random_state=0)
    assert np.isfinite(judge.conditional_log_likelihood(frame[:50], words).mean)
    with pytest.raises(ValueError, match="columns: got some of the multinomial counts"):
        judge.conditional_log_likelihood(frame, words[:3])


def test_what_has_no_draws_says_so(fitted):
    X = documents()
    with pytest.raises(ValueError, match=r"totals: got None, want the total .* X\.sum"):
        fitted.sample(3)
    for totals, error, message in (
        ([1, 2], ValueError, r"got shape \(2,\), want one for each of 3 rows"),
        (-1, ValueError, r"from 0 to 2\^24"),
        (2**24 + 1, ValueError, r"from 0 to 2\^24"),
        (2.5, TypeError, "want an integer"),
        ("many", TypeError, "want an integer"),
    ):
        with pytest.raises(error, match=f"totals: .*{message}"):
            fitted.sample(3, totals=totals)
    plain = AEVB(2, likelihood="poisson", n_epochs=1, random_state=0).fit(X)
    with pytest.raises(ValueError, match="totals: the model has no multinomial counts"):
        plain.sample(3, totals=5)
    with pytest.raises(ValueError, match=r"scale: got 0\.5, but multinomial counts have"):
        AEVB(2, likelihood=NAME, scale=0.5).fit(2 * X)
    with pytest.raises(ValueError, match="likelihood: got 'multinomial' twice, want one list"):
        AEVB(2, likelihood=[(NAME, [0, 1]), (NAME, [2, 3])]).fit(X)
    with pytest.raises(ValueError, match="likelihood: the algorithm 'wake-sleep' draws x"):
        WakeSleep(2, likelihood=NAME).fit(X)
    with pytest.raises(ValueError, match="bidirectional: got True, want False"):
        Evaluator(fitted).log_likelihood(X[:5], "ais", bidirectional=True, n_simulated=5)


def test_the_command_draws_texts_of_a_length(fitted, tmp_path, capsys):
    fitted.save(tmp_path / "m.safetensors")
    command = ["sample", str(tmp_path / "m.safetensors"), "--n-samples=3"]
    drawn, picture = (f"--out={tmp_path / name}" for name in ("x.csv", "x.png"))
    assert cli.main([*command, drawn, "--totals=40", "--random-state=1"]) == 0
    rows = np.loadtxt(tmp_path / "x.csv", delimiter=",")
    np.testing.assert_array_equal(rows, fitted.sample(3, 1, totals=40))
    for code, *words in (
        (1, drawn),
        (2, drawn, "--mean", "--totals=4"),
        (2, picture, "--totals=4"),
    ):
        capsys.readouterr()
        assert cli.main([*command, *words]) == code
        assert "totals" in capsys.readouterr().err


def test_samples_of_the_picture_are_as_long_as_the_rows(fitted, monkeypatch):
    pytest.importorskip("matplotlib").use("Agg")
    asked = []
    sample = AEVB.sample
    monkeypatch.setattr(
        AEVB, "sample", lambda self, n, **o: asked.append(o["totals"]) or sample(self, n, **o)
    )
    X = documents(7)
    plots.marginals(fitted, X, columns=[0, 1], n_samples=10, random_state=0)
    np.testing.assert_array_equal(asked[0], X.sum(1)[[0, 1, 2, 3, 4, 5, 6, 0, 1, 2]])


@pytest.mark.parametrize("bad", [-1.0, 0.5])
def test_values_are_counts(bad):
    X = documents().astype(float)
    X[3, 4] = bad
    with pytest.raises(
        ValueError, match=f"X: got the value {bad:g}, likelihood='multinomial' wants integers >= 0"
    ):
        AEVB(2, likelihood=NAME).fit(X)
