"""log p(x) by importance sampling: closed forms, quadrature, and its error bars.

A tolerance is 5 standard errors: among 100 rows, a correct method fails for one seed in 1e4. With n
draws per row, the log of a mean is too low by about stderr^2 / 2. The tolerance of means includes
that.
"""

import copy
import functools
import itertools

import numpy as np
import oracle
import pytest
import scipy.sparse as sp
from oracle import gamma
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm
from sklearn.exceptions import NotFittedError
from teams import team_of

from aevb import AEVB, Estimate, Evaluator, datasets
from aevb.core.engine import Rows

LIKELIHOODS = ["bernoulli", "gaussian", "bounded-gaussian"]
# For trained models in float32: a log weight has some 12 terms of up to 16 nats, with 30 roundings.
ROUNDING = gamma(30) * 16 * 12
D = 8
LOADINGS = {  # orthogonal: p(z|x) is then a product of Gaussians, as q(z|x) is
    "orthogonal": np.kron(np.diag([1.0, 0.5]), np.array([1.0, -0.5, 0.25, 1.0])),
    "oblique": np.array([[1, 0.5, -0.5, 1, 0, 0.25, 1, -1], [1, 0.5, 0, -1, 0.5, 1, 0.5, -1]]),
}


class LinearGaussian:
    """x|z ~ N(z @ loadings + offset, diag(variance)); q(z|x) has the mean of p(z|x).

    Its variances are `spread` times the marginal ones of p(z|x). Units relu(. + 20) are on for
    every x and z that matter.
    """

    def __init__(self, name, spread):
        loadings = self.loadings = LOADINGS[name]
        J = len(loadings)
        rng = np.random.default_rng(0)
        noise = rng.random((20, D), dtype=np.float32)
        model = AEVB.published(J, hidden_layer_sizes=(D,), activation="relu", likelihood="gaussian")
        model.set_params(scale="none", n_epochs=1, random_state=0, n_threads=1).fit(noise)
        self.offset = np.arange(D) / 4 - 1
        raw = np.linspace(-1.0, 0.5, D).astype(np.float32).astype(float)
        self.variance = np.exp(oracle.softplus(raw + 10) - 10)
        self.precision = np.eye(J) + (loadings / self.variance) @ loadings.T
        covariance = np.linalg.inv(self.precision)
        self.gain = (loadings / self.variance).T @ covariance  # (D, J)
        self.q_variance = spread * covariance.diagonal()
        w = {name: np.zeros_like(weight) for name, weight in model.weights_.items()}
        w["encoder.hidden0.weight"][:] = np.eye(D)
        w["encoder.hidden0.bias"][:] = 20 - self.offset
        w["encoder.mean.weight"][:] = self.gain
        w["encoder.mean.bias"][:] = -20 * self.gain.sum(0)
        w["encoder.log_var.bias"][:] = np.log(self.q_variance)
        w["decoder.hidden0.weight"][:, :J] = np.eye(J)
        w["decoder.hidden0.bias"][:] = 20
        w["decoder.mean.weight"][:J] = loadings
        w["decoder.mean.bias"][:] = self.offset - 20 * loadings.sum(0)
        w["decoder.log_var.bias"][:] = raw
        self.model = model.set_weights(w)
        covariance = loadings.T @ loadings + np.diag(self.variance)
        self.marginal = multivariate_normal(self.offset, covariance)
        self.X = self.marginal.rvs(100, random_state=rng).astype(np.float32)
        # E w^2 / (E w)^2 of w = p(x, z) / q(z|x), for Gaussians in z with the same mean
        square = np.linalg.det(2 * self.precision - np.diag(1 / self.q_variance))
        self.rho = np.linalg.det(self.precision) * np.sqrt(self.q_variance.prod() / square)

    def log_p(self, X):
        return self.marginal.logpdf(X.astype(float))

    def rounding(self, X):
        """First-order float32 error of log w, where |eps| < 5 and |z| < 20.

        The means of q are sums of D products of gain and x + 20, minus 20 gain. The means of x are
        sums of J + 1 terms up to 40 loadings. Each term of log w adds a dozen roundings.
        """
        x = X.astype(float) - self.offset
        residual = x - x @ self.gain @ self.loadings
        dz = gamma(D + 3) * (np.abs(x) + 40) @ np.abs(self.gain)
        dm = gamma(len(self.loadings) + 3) * (60 * np.abs(self.loadings).sum(0) + 2)
        terms = 2 * np.abs(self.log_p(X)) + 40
        change = 5 * (dz / np.sqrt(self.q_variance)).sum(1)
        return change + np.abs(residual) / self.variance @ dm + gamma(D + 12) * terms


linear_gaussian = functools.cache(LinearGaussian)


def estimate(model, X, n_draws, seed=0, n_adaptations=0, **options):
    evaluator = Evaluator(model, random_state=seed, **options)
    return evaluator.log_likelihood(X, n_draws=n_draws, n_adaptations=n_adaptations)


@pytest.mark.parametrize("n_draws", [1, 7, 1001])
def test_an_exact_encoder_makes_every_weight_p_of_x(isa, n_draws):
    """Any number of draws then gives p(x), also far out, where p(x) is 0 in float32."""
    exact = linear_gaussian("orthogonal", 1.0)
    X = np.concatenate([exact.X[:20], exact.X[20:40] * 4, exact.X[40:50] + 10]).astype(np.float32)
    log_p, rounding = exact.log_p(X), exact.rounding(X)
    assert log_p.min() < -200
    assert rounding.max() < 0.02
    result = estimate(exact.model, X, n_draws)
    assert np.all(np.abs(result.per_row - log_p) <= rounding)
    np.testing.assert_allclose(result.diagnostics["ess"], n_draws, rtol=rounding.max() ** 2)
    assert n_draws == 1 or np.all(result.stderr <= rounding)


@pytest.mark.parametrize("spread", [1.5, 2.0])
@pytest.mark.parametrize("n_draws", [400, 1001])
def test_linear_gaussian(isa, n_draws, spread):
    """The result is correct within its error bars, and these have their known size.

    stderr^2 is (rho - 1) / n and ess is n / rho, to a few per cent from 100 rows. At these spreads,
    q(z|x) has wider tails than p(z|x). With spread 1 it has not, w is unbounded, and stderr is
    unreliable.
    """
    known = linear_gaussian("oblique", spread)
    result = estimate(known.model, known.X, n_draws)
    error = result.per_row - known.log_p(known.X)
    rounding = known.rounding(known.X)
    assert np.all(np.abs(error) < 5 * result.stderr + rounding)
    assert 0.7 < (error / result.stderr).std() < 1.3  # 1 to 0.07
    of_mean = np.sqrt((result.stderr**2).sum()) / len(error)
    assert abs(error.mean()) < 5 * of_mean + np.mean(result.stderr**2) + rounding.mean()
    assert 1.15 < known.rho < 2
    assert np.mean(result.stderr**2) == pytest.approx((known.rho - 1) / n_draws, rel=0.15)
    assert np.mean(result.diagnostics["ess"]) == pytest.approx(n_draws / known.rho, rel=0.05)


@pytest.mark.parametrize("n_draws", [1, 2, 3, 5, 7])
def test_the_likelihood_itself_is_unbiased(n_draws):
    """Estimate / p(x) has mean 1 and variance (rho - 1) / n for any n; 100 rows, 40 seeds.

    w is at most 2.2 times its mean here, so the variance is known to a few per cent.
    """
    known = linear_gaussian("oblique", 2.0)
    runs = [estimate(known.model, known.X, n_draws, seed).per_row for seed in range(40)]
    ratio = np.exp(np.array(runs) - known.log_p(known.X))
    variance = (known.rho - 1) / n_draws
    assert (
        abs(ratio.mean() - 1) < 5 * np.sqrt(variance / ratio.size) + known.rounding(known.X).mean()
    )
    assert ratio.var() == pytest.approx(variance, rel=0.15)


def test_the_bound_is_below_by_the_divergence():
    """log p(x) minus the bound is KL(q(z|x) || p(z|x)), here the same for every x."""
    known = linear_gaussian("oblique", 2.0)
    bound = Evaluator(known.model, random_state=0).bound(known.X, n_draws=1000)
    result = estimate(known.model, known.X, 1000)
    v, precision = known.q_variance, known.precision
    divergence = precision.diagonal() @ v - 2 - np.log(v.prod() * np.linalg.det(precision))
    error = np.sqrt((bound.stderr**2 + result.stderr**2).sum()) / len(known.X)
    tolerance = 5 * error + np.mean(result.stderr**2) + known.rounding(known.X).mean()
    assert tolerance < 0.1 < divergence / 2
    assert result.mean - bound.mean == pytest.approx(divergence / 2, abs=tolerance)


@functools.cache
def trained(likelihood, n_components):
    """(a model trained on data with eight noisy views of each latent, up to 40 distinct new rows).

    q(z|x) is then widened by e^(1/2). Where tanh is flat, p(z|x) has the tails of the prior, and
    error bars mean something only if q(z|x) reaches as far.
    """
    rng = np.random.default_rng(0)
    a = np.repeat(rng.normal(size=(1240, n_components)), 8, axis=1)
    noise = rng.normal(size=a.shape)
    X = {
        "bernoulli": rng.random(a.shape) < oracle.sigmoid(1.4 * a),
        "gaussian": 0.5 * a + noise,
        "bounded-gaussian": oracle.sigmoid(2 * a) + 0.4 * noise,
    }[likelihood].astype(np.float32)
    model = AEVB.published(
        n_components, hidden_layer_sizes=(16,), likelihood=likelihood, n_epochs=30
    )
    model.set_params(optimizer="adam", learning_rate=0.01, batch_size=50, random_state=0)
    model.set_params(scale="none")
    weights = model.set_params(n_threads=1).fit(X[:1200]).weights_
    weights["encoder.log_var.bias"] += 1
    return model.set_weights(weights), np.unique(X[1200:], axis=0)


@functools.cache
def quadrature(likelihood, n_components, n_points):
    """log p(x) and E w^2 / (E w)^2 per row, w = p(x, z) / q(z|x), as sums over an even grid."""
    model, X = trained(likelihood, n_components)
    axis = np.linspace(-7, 7, n_points)
    grid = np.array(list(itertools.product(axis, repeat=n_components)))
    weights, config = oracle.float64(model.weights_), oracle.Config("tanh", likelihood)
    h = oracle.climb(weights, "decoder", grid, "tanh")[0][-1]
    e = oracle.climb(weights, "encoder", X.astype(float), "tanh")[0][-1]
    mean = oracle.affine(weights, "encoder.mean", e)
    log_var = oracle.affine(weights, "encoder.log_var", e)
    r = [oracle.likelihood_heads(weights, config, h, x[None].astype(float))[0] for x in X]
    log_joint = np.array(r) + norm.logpdf(grid).sum(1)
    log_q = norm.logpdf(grid, mean[:, None], np.exp(log_var / 2)[:, None]).sum(2)
    log_cell = n_components * np.log(axis[1] - axis[0])
    log_p = logsumexp(log_joint, axis=1) + log_cell
    return log_p, np.exp(logsumexp(2 * log_joint - log_q, axis=1) + log_cell - 2 * log_p)


@pytest.mark.parametrize("n_components", [1, 2])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_quadrature(likelihood, n_components):
    model, X = trained(likelihood, n_components)
    log_p, rho = quadrature(likelihood, n_components, 121)
    np.testing.assert_allclose(quadrature(likelihood, n_components, 91)[0], log_p, atol=1e-6)
    assert np.all(model.transform(X).std(0) > 0.5)  # every latent is in use
    assert rho.max() < 3
    assert len(X) > 30
    result = estimate(model, X, 1000)
    assert np.all(np.abs(result.per_row - log_p) < 5 * result.stderr + ROUNDING)
    of_mean = np.sqrt((result.stderr**2).sum()) / len(X)
    tolerance = 5 * of_mean + np.mean(result.stderr**2) + ROUNDING
    assert tolerance < 0.1
    assert abs(result.mean - log_p.mean()) < tolerance
    # Each is an estimate from 1000 draws, off by some per cent, over 30 rows or more.
    assert np.mean(result.stderr**2 / (rho - 1) * 1000) == pytest.approx(1, rel=0.1)
    assert np.mean(result.diagnostics["ess"] * rho / 1000) == pytest.approx(1, rel=0.05)
    assert Evaluator(model, random_state=0).bound(X, n_draws=100).mean < result.mean


def misled(known, sigmas):
    """Return the model with the means of q(z|x) off by that many of its standard deviations."""
    model = copy.deepcopy(known.model)
    w = model.weights_
    w["encoder.mean.bias"] = w["encoder.mean.bias"] + sigmas * np.sqrt(known.q_variance)
    return model.set_weights(w)


# E w^2 / (E w)^2 of N(m, 1.3 S) as a proposal for N(m, S), in two dimensions.
ADAPTED_RHO = 1.3**2 / (2 * 1.3 - 1)


@pytest.mark.filterwarnings("ignore:'importance'")  # the proposals are bad on purpose
@pytest.mark.parametrize(("spread", "sigmas"), [(0.2, 0), (1.0, 2), (2.0, 3)])
def test_adaptation_finds_a_gaussian_posterior(isa, spread, sigmas):
    """For any encoder, weights vary as little as with p(z|x) itself as the proposal, widened.

    The fit has an error of its own, a few per cent with 1000 draws.
    """
    known = linear_gaussian("oblique", spread)
    model = misled(known, sigmas)
    result = estimate(model, known.X, 1000, n_adaptations=3)
    ess = result.diagnostics["ess"]
    assert np.mean(ess) == pytest.approx(1000 / ADAPTED_RHO, rel=0.03)
    assert estimate(model, known.X, 1000).diagnostics["ess"].mean() < 0.6 * ess.mean()
    error = result.per_row - known.log_p(known.X)
    rounding = known.rounding(known.X) * (1 + sigmas)
    assert np.all(np.abs(error) < 5 * result.stderr + rounding)
    of_mean = np.sqrt((result.stderr**2).sum()) / len(error)
    assert abs(error.mean()) < 5 * of_mean + np.mean(result.stderr**2) + rounding.mean()


@pytest.mark.parametrize("n_draws", [10, 30])
def test_the_likelihood_is_unbiased_after_adaptation(n_draws):
    """The draws used for the fit do not bias the result; 100 rows and 40 seeds."""
    known = linear_gaussian("oblique", 2.0)
    runs = [
        estimate(known.model, known.X, n_draws, seed, n_adaptations=2).per_row for seed in range(40)
    ]
    ratio = np.exp(np.array(runs) - known.log_p(known.X))
    error = ratio.std() / np.sqrt(ratio.size)
    assert error < 0.02
    assert abs(ratio.mean() - 1) < 5 * error + known.rounding(known.X).mean()


@pytest.mark.parametrize("n_components", [1, 2])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_quadrature_after_adaptation(likelihood, n_components):
    model, X = trained(likelihood, n_components)
    log_p, _ = quadrature(likelihood, n_components, 121)
    result = estimate(model, X, 1000, n_adaptations=2)
    assert np.all(np.abs(result.per_row - log_p) < 5 * result.stderr + ROUNDING)
    plain = estimate(model, X, 1000)
    assert np.median(result.diagnostics["ess"]) > np.median(plain.diagnostics["ess"])


@pytest.mark.filterwarnings("ignore:'importance'")
def test_adaptation_where_the_encoder_leaves_nothing_to_fit():
    """One draw of a round has all the weight, or no draw has any."""
    known = linear_gaussian("oblique", 0.01)
    result = estimate(misled(known, 100), known.X, 10, n_adaptations=3)
    assert np.isfinite(result.per_row).all()
    assert (result.per_row < known.log_p(known.X) + 5).all()
    far = np.float32(1e25) * known.X[:5]  # the density of x is 0 in float32 for every z
    for n_adaptations in (0, 2):
        result = estimate(known.model, far, 10, n_adaptations=n_adaptations)
        assert (result.per_row == -np.inf).all()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_progress_and_a_stop_in_a_later_round(n_threads):
    """Runs of some tenths of a second; progress is reported every twentieth of a second."""
    model, X = trained("bernoulli", 2)
    settings = {"n_draws": 40_000, "n_adaptations": 2, "seed": 0, "n_threads": n_threads}

    def run(progress):
        return model._engine.importance(Rows(X), progress=progress, **settings)

    seen = []
    whole = run(seen.append)
    assert seen == sorted(seen)
    assert 0 <= seen[0] < 0.5 < seen[-1] <= 1

    class StopError(Exception):
        pass

    def stop(done):
        if done > 0.5:
            raise StopError

    with pytest.raises(StopError):
        run(stop)
    assert run(None)[0].tobytes() == whole[0].tobytes()


def test_stderr_is_the_spread_over_seeds():
    """100 rows and 40 seeds give two variances, each known to a few per cent."""
    known = linear_gaussian("oblique", 2.0)
    runs = [estimate(known.model, known.X, 200, seed) for seed in range(40)]
    seen = np.var([run.per_row for run in runs], axis=0, ddof=1).mean()
    said = np.mean([run.stderr**2 for run in runs])
    assert said == pytest.approx(seen, rel=0.15)
    # Each row has its own noise, so errors average out over rows. The 40 means are known to 22 %.
    assert np.var([run.mean for run in runs], ddof=1) < 2 * said / len(known.X)


def test_stderr_falls_as_one_over_the_root_of_the_draws():
    known = linear_gaussian("oblique", 2.0)
    few, many = (estimate(known.model, known.X, n) for n in (150, 2400))
    assert np.mean(few.stderr) / np.mean(many.stderr) == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("n_draws", [1, 7, 1001])
@pytest.mark.parametrize("n_adaptations", [0, 2])
def test_fields(likelihood, n_draws, n_adaptations):
    """The variance of the mean weight over its square is (n / ess - 1) / (n - 1), if ddof is 1."""
    model, X = trained(likelihood, 2)
    result = estimate(model, X, n_draws, n_adaptations=n_adaptations)
    ess = result.diagnostics["ess"]
    assert isinstance(result, Estimate)
    assert result.per_row.shape == result.stderr.shape == ess.shape == (len(X),)
    assert result.per_row.dtype == result.stderr.dtype == np.float64
    assert result.mean == pytest.approx(result.per_row.mean(), rel=1e-12)
    assert result.mean_stderr == pytest.approx(result.per_row.std(ddof=1) / np.sqrt(len(X)))
    assert np.isfinite(result.per_row).all()
    assert ((ess >= 1 - 1e-6) & (ess <= n_draws * (1 + 1e-6))).all()
    if n_draws == 1:
        assert np.isnan(result.stderr).all()
    else:
        expected = np.sqrt((n_draws / ess - 1) / (n_draws - 1))
        np.testing.assert_allclose(result.stderr, expected, rtol=1e-4 + (n_draws < 10) * 0.1)


def test_defaults():
    model, X = trained("bernoulli", 2)
    evaluator = Evaluator(model, random_state=0)
    result = evaluator.log_likelihood(X, method="importance", n_draws=1000)
    assert evaluator.log_likelihood(X).per_row.tobytes() == result.per_row.tobytes()


def as_bytes(result):
    return [a.tobytes() for a in (result.per_row, result.stderr, result.diagnostics["ess"])]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("n_draws", [1, 7, 1001])
@pytest.mark.parametrize("n_adaptations", [0, 2])
def test_thread_count_does_not_matter(isa, likelihood, n_draws, n_adaptations):
    model, X = trained(likelihood, 2)
    results = []
    for n in (1, 2, 3):
        with team_of(n):
            result = estimate(model, X, n_draws, n_adaptations=n_adaptations, n_threads=n)
        results.append(as_bytes(result))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(("n_draws", "n_adaptations"), [(1, 0), (7, 0), (101, 0), (101, 2)])
def test_other_rows_do_not_matter(isa, likelihood, n_draws, n_adaptations):
    """Compare bit by bit. A BLAS chooses its kernel by the shape, so its last bits differ."""
    model, X = trained(likelihood, 2)
    evaluate = functools.partial(estimate, model, n_draws=n_draws, n_adaptations=n_adaptations)
    whole = evaluate(X)
    order = np.random.default_rng(0).permutation(len(X))
    parts = [evaluate(X[i : i + size]) for i, size in ((0, 1), (1, 7), (8, 99))]
    again = np.concatenate([part.per_row for part in parts])
    shuffled = evaluate(X[order]).per_row
    if isa == "portable+blas":
        np.testing.assert_allclose(again, whole.per_row, rtol=0, atol=ROUNDING)
        np.testing.assert_allclose(shuffled, whole.per_row[order], rtol=0, atol=ROUNDING)
    else:
        assert again.tobytes() == whole.per_row.tobytes()
        assert shuffled.tobytes() == whole.per_row[order].tobytes()
        assert parts[2].stderr.tobytes() == whole.stderr[8:].tobytes()


def test_random_state():
    """Runs of a good fraction of a second, so that an effect of the clock would show."""
    model, X = trained("gaussian", 2)
    one, same, other = (estimate(model, X, 30_000, seed) for seed in (1, 1, 2))
    assert as_bytes(one) == as_bytes(same)
    assert (one.per_row != other.per_row).all()


@pytest.mark.parametrize("container", [sp.csr_matrix, np.asfortranarray, np.float64])
def test_pixels_and_containers(container):
    """uint8 is scaled by 1/255 in every container. Scaled data need a factor of 1."""
    X = (datasets.load_digits()[:60] * 255).astype(np.uint8)
    model = AEVB.published(3, hidden_layer_sizes=(9,), n_epochs=2, random_state=0, n_threads=1).fit(
        X
    )
    assert {column.scale for column in model.columns_} == {1 / 255}
    result = estimate(model, X, 20)
    assert np.isfinite(result.per_row).all()
    assert as_bytes(estimate(model, container(X), 20)) == as_bytes(result)
    other = AEVB(**model.get_params()).set_params(scale=1.0, likelihood="bernoulli")
    scaled = X * np.float32(1 / 255)
    other.fit(scaled).set_weights(model.weights_)
    assert as_bytes(estimate(other, container(scaled), 20)) == as_bytes(result)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda e, X: e.log_likelihood(X, method="ais-2"), "method"),
        (lambda e, X: e.log_likelihood(X, method=None), "method"),
        (lambda e, X: e.log_likelihood(X, n_draws=0), "n_draws"),
        (lambda e, X: e.log_likelihood(X, n_draws=1.5), "n_draws"),
        (lambda e, X: e.log_likelihood(X, n_draws="many"), "n_draws"),
        (lambda e, X: e.log_likelihood(X, n_adaptations=-1), "n_adaptations"),
        (lambda e, X: e.log_likelihood(X, n_adaptations=0.5), "n_adaptations"),
        (lambda e, X: e.log_likelihood(X[:, :3]), "features"),
        (lambda e, X: e.log_likelihood(X + np.inf), "infinity"),
        (lambda e, X: e.log_likelihood(X[:0]), "0 sample"),
        (lambda e, X: e.log_likelihood(X + 2), r"\[0, 1\]"),
    ],
)
def test_wrong_arguments_are_named(call, name):
    model, X = trained("bernoulli", 1)
    with pytest.raises((ValueError, TypeError), match=name):
        call(Evaluator(model, random_state=0), X)


def test_unfitted_is_said():
    with pytest.raises(NotFittedError):
        Evaluator(AEVB.published()).log_likelihood(np.ones((3, D)))
