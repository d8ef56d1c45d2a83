"""Equilibration and statistical inefficiency against series whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.structure.equilibration import (
    Equilibration,
    detect_equilibration,
    leading_component,
    statistical_inefficiency,
)


def autoregressive(n: int, a: float, seed: int) -> np.ndarray:
    """x_t = a x_(t-1) + e_t, started in its own equilibrium: rho(t) = a^t, so g = (1 + a) / (1 - a) exactly."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(n)
    x = np.empty(n)
    x[0] = noise[0] / np.sqrt(1 - a * a)
    for t in range(1, n):
        x[t] = a * x[t - 1] + noise[t]
    return x


def wolff(x: np.ndarray) -> float:
    """The Gamma method of U. Wolff, Comput. Phys. Commun. 156 (2004) 143 (S = 1.5): another rule to end the sum."""
    n = len(x)
    d = x - x.mean()
    c0 = float(d @ d) / n
    tau = 0.5
    for w in range(1, n // 2):
        tau += float(d[:-w] @ d[w:]) / (n - w) / c0
        slow = 1.5 / np.log((2 * tau + 1) / (2 * tau - 1)) if tau > 0.5 else 1e-9
        if np.exp(-w / slow) - slow / np.sqrt(w * n) < 0:
            break
    return 2 * tau


@pytest.mark.parametrize("a", [0.0, 0.5, 0.9])
def test_inefficiency_of_an_autoregressive_series(a: float) -> None:
    series = np.array([autoregressive(20_000, a, seed) for seed in range(6)]).T
    found = statistical_inefficiency(series)
    # One estimate is known to about sqrt(4 g / n) to sqrt(16 g / n), 6 to 12 % at g = 19; six together to 5 %.
    assert found.mean() == pytest.approx((1 + a) / (1 - a), rel=0.12)
    theirs = np.mean([wolff(series[:, k]) for k in range(6)])
    assert found.mean() == pytest.approx(theirs, rel=0.1)


def test_inefficiency_of_series_that_say_nothing() -> None:
    assert statistical_inefficiency(np.full((50, 1), 3.7))[0] == 1.0
    assert statistical_inefficiency(np.zeros((50, 1)))[0] == 1.0
    alternating = np.array([[(-1.0) ** t] for t in range(50)])
    assert statistical_inefficiency(alternating)[0] == 1.0  # never below one frame


def test_error_of_the_mean_follows_from_the_inefficiency() -> None:
    """The scatter of the means of 200 series is sqrt(variance g / n): what the number is for."""
    series = np.array([autoregressive(500, 0.8, seed) for seed in range(200)]).T
    scatter = series.mean(axis=0).std(ddof=1)
    predicted = np.sqrt(series.var(axis=0) * statistical_inefficiency(series) / 500).mean()
    # 200 means know their scatter to 5 %; one g of 500 frames is short by some percent.
    assert predicted == pytest.approx(scatter, rel=0.15)


def test_a_transient_is_cut_where_it_ends() -> None:
    """10 exp(-t/30) sinks below the noise (1) at t = 70, and below what 1000 frames can see (0.1) at t = 140."""
    starts = []
    for seed in range(8):
        noise = np.random.default_rng(seed).standard_normal(1000)
        starts.append(detect_equilibration(noise + 10 * np.exp(-np.arange(1000) / 30)).start)
    assert 60 <= np.median(starts) <= 170
    assert min(starts) >= 40
    assert max(starts) <= 350


def test_stationary_series_keep_their_frames() -> None:
    kept = [detect_equilibration(autoregressive(1000, 0.6, seed)).n_kept for seed in range(10)]
    assert np.mean(kept) > 950
    short = [detect_equilibration(np.random.default_rng(seed).standard_normal((180, 5))).n_kept for seed in range(20)]
    assert np.mean(short) > 170
    assert all(not detect_equilibration(autoregressive(1000, 0.6, seed)).caution for seed in range(10))


def test_the_slowest_observable_decides() -> None:
    fast = np.random.default_rng(1).standard_normal(600)
    late = fast[::-1] + 8 * (np.arange(600) < 200)
    assert detect_equilibration(fast).start < 60
    both = detect_equilibration(np.column_stack([fast, late]))
    assert 195 <= both.start <= 260


def test_a_trajectory_that_never_settles_is_told() -> None:
    noise = np.random.default_rng(2).standard_normal(400)
    assert "still changes" in detect_equilibration(noise + 0.2 * np.arange(400)).caution
    # A memory of 2000 frames in a trajectory of 400 cannot be measured; that it is too short must mostly be seen.
    cautions = [detect_equilibration(autoregressive(400, 0.999, seed)).caution for seed in range(20)]
    assert sum(bool(caution) for caution in cautions) >= 17


def test_few_frames_are_all_kept() -> None:
    few = detect_equilibration(np.arange(10.0))
    assert (few.start, few.n_frames) == (0, 10)
    assert detect_equilibration(np.ones(1)).n_independent == 1.0
    with pytest.raises(GlasspotError, match="finite"):
        detect_equilibration(np.array([1.0, np.nan, 2.0]))


@pytest.mark.parametrize(
    ("n", "inefficiency", "blocks"),
    [(3, 1.0, 1), (4, 1.0, 4), (7, 1.0, 4), (100, 1.0, 8), (100, 5.0, 6), (100, 8.0, 4), (100, 50.0, 4)],
)
def test_blocks_are_several_inefficiencies_long(n: int, inefficiency: float, blocks: int) -> None:
    assert Equilibration(0, n, inefficiency).blocks(8) == blocks


@pytest.mark.parametrize("shape", [(300, 40), (40, 300)])
def test_the_leading_component_holds_the_drift_of_noisy_features(shape: tuple[int, int]) -> None:
    """A drift of half the scatter in each feature, some in large units: lost in one, plain in all together."""
    rng = np.random.default_rng(5)
    n, m = shape
    time = np.linspace(-1, 1, n)
    units = 10.0 ** rng.integers(-3, 4, m)
    features = (rng.standard_normal((n, m)) + time[:, None] * rng.choice([-1, 1], m)) * units
    component = leading_component(features)
    assert component.shape == (n,)
    assert abs(np.corrcoef(component, time)[0, 1]) > 0.95
    assert detect_equilibration(component).caution
    features[:, 0] = 5.0  # a shell without atoms
    assert np.isfinite(leading_component(features)).all()
    shuffled = detect_equilibration(leading_component(rng.standard_normal(shape)))
    assert (shuffled.start, shuffled.inefficiency < 3) == (0, True)


def test_the_slowest_observable_counts() -> None:
    rng = np.random.default_rng(11)
    fast, slow = rng.standard_normal((2, 1000))
    for i in range(1, 1000):
        slow[i] += 0.9 * slow[i - 1]
    alone, both = detect_equilibration(slow), detect_equilibration(np.column_stack([fast, slow]))
    assert both.inefficiency == pytest.approx(alone.inefficiency) and both.inefficiency > 10
