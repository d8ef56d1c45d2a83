"""The Gaussian process: its algebra against the plain formulas, and what it makes of rate, noise and strange sets."""

import numpy as np
import pytest

pytest.importorskip("gpytorch", reason="gpytorch is not installed")
torch = pytest.importorskip("torch")

from glasspot.surrogate.covariance import Full, Plain  # noqa: E402
from glasspot.surrogate.data import Layout, Rows  # noqa: E402
from glasspot.surrogate.gaussian_process import GaussianProcess  # noqa: E402
from glasspot.surrogate.points import Points  # noqa: E402
from glasspot.surrogate.process import Process, some_groups  # noqa: E402
from glasspot.surrogate.strange import Judge  # noqa: E402
from glasspot.surrogate.warp import Warp  # noqa: E402

LAYOUT = Layout(2, 2, 1)
GLASSES = np.array([[0.1, 0.7], [0.4, 0.4], [0.6, 0.2]])


def columns(sets: int, seed: int, z: tuple[float, ...] = (0.0, 1.0, 2.0)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    theta, rate = rng.random((sets, 2)), rng.choice(z, sets)
    return np.hstack([np.repeat(theta, 3, axis=0), np.tile(GLASSES, (sets, 1)), np.repeat(rate, 3)[:, None]])


def smooth(x: np.ndarray) -> np.ndarray:
    return np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] - 0.4 * x[:, 4] * (1 + x[:, 0])


def told(y: np.ndarray, x: np.ndarray, bounded: bool = False) -> Rows:
    return Rows(x, y[:, None], np.arange(len(x)) // 3, LAYOUT, (bounded,))


@pytest.mark.parametrize("kind", [Plain, Full])
def test_covariances_are_positive_and_know_their_diagonal(kind) -> None:
    covariance = kind(LAYOUT)
    points = Points.cut(columns(20, 0), LAYOUT)
    logs = torch.as_tensor(covariance.prior.mean + 0.3)
    matrix = covariance.matrix(logs, points, points)
    torch.testing.assert_close(matrix.diagonal(), covariance.variance(logs, points))
    torch.testing.assert_close(matrix, matrix.T)
    assert torch.linalg.eigvalsh(matrix)[0] > -1e-8 * matrix.max()


def test_distinct_parameters_and_glasses_are_dealt_out_as_they_came() -> None:
    x = columns(6, 1)[np.random.default_rng(0).permutation(18)]
    points = Points.cut(x, LAYOUT)
    assert len(points.theta) == 6 and len(points.glass) == 3
    np.testing.assert_array_equal(points.theta[points.at], x[:, :2])
    np.testing.assert_array_equal(points.glass[points.of], x[:, 2:4])


def test_the_posterior_is_that_of_the_textbook() -> None:
    x, new = columns(12, 2), columns(4, 3)
    y = smooth(x) + 0.05 * np.random.default_rng(0).standard_normal(len(x))
    process = Process(Full(LAYOUT), LAYOUT, x, y, np.arange(36) // 3, (), False, 0)
    mean, sd = process.predict(new)
    a, b = Points.cut(x, LAYOUT), Points.cut(new, LAYOUT)
    covariance, logs = process._covariance, process._logs
    known = np.linalg.inv(covariance.matrix(logs, a, a).numpy() + np.diag((process.noise(x) / process._stretch) ** 2))
    cross = covariance.matrix(logs, a, b).numpy()
    # Another order of the same sums, and the jitter of 1e-6.
    np.testing.assert_allclose(mean, cross.T @ known @ y, atol=1e-3)
    variance = covariance.matrix(logs, b, b).numpy() - cross.T @ known @ cross
    np.testing.assert_allclose(sd, process._stretch * np.sqrt(np.diag(variance)), rtol=1e-2)


def test_the_gradient_of_the_likelihood_is_its_slope(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy import optimize

    x = columns(8, 4)
    process = Process(Full(LAYOUT), LAYOUT, x, smooth(x), np.arange(24) // 3, (2, 4), False, 0)
    caught = []

    def catch(loss, start, **_):
        caught.append(loss)
        return optimize.OptimizeResult(x=start, fun=0.0)

    monkeypatch.setattr(optimize, "minimize", catch)
    at = process._covariance.prior.mean + np.random.default_rng(0).normal(0, 0.3, len(process._covariance.prior.mean))
    process._likeliest(at, x, smooth(x), 1)
    step = 1e-5 * np.eye(len(at))
    slope = [(caught[0](at + s)[0] - caught[0](at - s)[0]) / 2e-5 for s in step]
    # Central differences of a value of order 100: rounding of 1e-14 over 1e-5, and the third derivative.
    np.testing.assert_allclose(caught[0](at)[1], slope, rtol=1e-4, atol=1e-5)


def test_left_out_sets_are_judged_as_by_training_without_them() -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((12, 12))
    covariance, y, group = root @ root.T + np.eye(12), rng.standard_normal(12), np.arange(12) % 4
    judge = Judge(covariance, np.linalg.inv(covariance), y, group)
    judge.without(2)
    off, sd = judge.left_out()
    kept = group != 2
    c, v, g = covariance[np.ix_(kept, kept)], y[kept], group[kept]
    for name in (0, 1, 3):
        own, rest = g == name, g != name
        pull = c[np.ix_(own, rest)] @ np.linalg.inv(c[np.ix_(rest, rest)])
        np.testing.assert_allclose(off[own], v[own] - pull @ v[rest])
        np.testing.assert_allclose(sd[own] ** 2, np.diag(c[np.ix_(own, own)] - pull @ c[np.ix_(rest, own)]))


def test_slow_quenches_are_extrapolated_along_a_line_with_an_error_that_grows() -> None:
    x = columns(40, 5, z=(1.0, 1.5, 2.0))
    surrogate = GaussianProcess()
    surrogate.fit(told(smooth(x) + 0.03 * np.random.default_rng(0).standard_normal(len(x)), x))
    one = np.tile([0.5, 0.5, 0.4, 0.4, 0.0], (5, 1))
    one[:, 4] = [1.5, 0.0, -1.5, -3.0, -6.0]
    prediction = surrogate.predict(one)
    mean, sd = prediction.mean[:, 0], prediction.sd[:, 0]
    assert (np.diff(sd) > 0).all()
    assert (np.abs(mean - smooth(one)) < 3 * sd).all()
    assert np.abs(mean[1] - smooth(one)[1]) < 0.1  # one decade off, of a fall of 0.6 a decade
    assert sd[1] < 0.2


def test_noise_differs_with_the_glass() -> None:
    x = columns(60, 6)
    true = np.where(x[:, 2] < 0.2, 0.2, 0.05)
    surrogate = GaussianProcess()
    surrogate.fit(told(smooth(x) + true * np.random.default_rng(0).standard_normal(len(x)), x))
    noise = surrogate.predict(columns(1, 7)).noise[:, 0]
    # 60 runs know an sd to 9 %; the logarithm, linear in the columns, has to bend a little.
    assert noise[0] == pytest.approx(0.2, rel=0.35)
    assert noise[2] == pytest.approx(0.05, rel=0.5)


def test_a_set_that_contradicts_the_others_is_set_aside_and_no_other() -> None:
    x = columns(40, 8)
    y = smooth(x) + 0.03 * np.random.default_rng(0).standard_normal(len(x))
    clean, spoilt = GaussianProcess(), GaussianProcess()
    clean.fit(told(y, x))
    assert clean.strange[0].tolist() == []
    wrong = y.copy()
    wrong[30:33] += 1.5  # set 10: five sds of the quantity
    spoilt.fit(told(wrong, x))
    assert spoilt.strange[0].tolist() == [10]
    new = columns(30, 9)
    off = spoilt.predict(new).mean - clean.predict(new).mean
    assert np.abs(off).max() < 0.1  # but for what set 10 itself had to say


def test_a_cliff_that_several_sets_show_is_not_called_strange() -> None:
    x = columns(40, 10)
    y = np.where(x[:, 0] < 0.2, 0.0, 1.0) + 0.02 * np.random.default_rng(0).standard_normal(len(x))
    surrogate = GaussianProcess()
    surrogate.fit(told(y.clip(0, 1), x, bounded=True))
    assert len(surrogate.strange[0]) <= 1  # the one nearest to the edge may look it


def test_fractions_stay_fractions() -> None:
    x = columns(30, 11)
    y = 1 / (1 + np.exp(-8 * smooth(x)))  # from 0.001 to 1
    surrogate = GaussianProcess()
    surrogate.fit(told(y, x, bounded=True))
    far = columns(10, 12) * 2 - 0.5
    prediction, samples = surrogate.predict(far), surrogate.sample(far, 50, np.random.default_rng(0))
    assert prediction.mean.min() >= 0 and prediction.mean.max() <= 1
    assert samples.min() >= 0 and samples.max() <= 1
    assert np.abs(surrogate.predict(x).mean[:, 0] - y).mean() < 0.03


@pytest.mark.parametrize("bounded", [False, True])
def test_a_warp_gives_back_what_it_took_and_averages_as_sampling_does(bounded: bool) -> None:
    y = np.array([0.0, 0.02, 0.4, 0.9, 1.0])
    warp = Warp.of(y, bounded)
    np.testing.assert_allclose(warp.back(warp.forward(y)), y, atol=1e-12)
    assert warp.forward(y).std() == pytest.approx(1.0)
    mean, sd = warp.moments(np.array([0.3, 1.5]), np.array([0.5, 0.8]))
    drawn = warp.back(np.random.default_rng(0).normal([0.3, 1.5], [0.5, 0.8], (200_000, 2)))
    # 200,000 samples know these to 0.2 %; the corner at a fraction of 1 costs the quadrature another 1 %.
    np.testing.assert_allclose(mean, drawn.mean(0), rtol=5e-3)
    np.testing.assert_allclose(sd, drawn.std(0), rtol=2e-2)


def test_hyper_parameters_are_learned_from_whole_sets() -> None:
    group = np.repeat(np.arange(30), 7)
    taken = some_groups(group, 100, seed=0)
    assert len(taken) == 98 and (np.bincount(group[taken], minlength=30) % 7 == 0).all()
    assert len(some_groups(group, 1000, seed=0)) == 210
    assert len(some_groups(group, 3, seed=0)) == 7  # one set, however large
