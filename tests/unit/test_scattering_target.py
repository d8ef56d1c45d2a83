"""S(Q) as a target: its map against other ways to S(Q), and the broadening of what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.curves import Curve
from glasspot.errors import GlasspotError
from glasspot.structure import scattering
from glasspot.structure.frames import Frame
from glasspot.structure.pairs import fine_histogram, pair_labels
from glasspot.structure.pdf import pair_distribution
from glasspot.target.objective import Objective, StateTargets
from glasspot.target.scattering import (
    ScatteringTarget,
    broadening,
    density_term,
    from_interference,
    pair_weights,
    scattering_target,
    window_at,
)
from glasspot.target.system import System

Q = np.arange(10, 300) * 0.05
PROBES = {"neutron": scattering.neutron, "xray": scattering.xray, "number": scattering.number_number}


def crystal(seed: int = 1, cells: int = 6, noise: float = 0.15) -> Frame:
    """Rock salt of Si and O, 4.6 A, with displaced atoms: peaks at all distances."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(2 * cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    symbols = ["Si" if x.sum() % 2 else "O" for x in grid]
    return Frame.from_symbols(symbols, 2.3 * grid + noise * rng.standard_normal(grid.shape), 4.6 * cells)


def system_of(frame: Frame) -> System:
    return System(pair_labels(frame.species), frame.counts, frame.volume)


def blank(radiation: str, end: float, window: str, q: np.ndarray = Q) -> ScatteringTarget:
    return ScatteringTarget("S(Q)", radiation, q, np.ones(len(q)), end, window)  # type: ignore[arg-type]


def modelled(target: ScatteringTarget, frame: Frame, r_max: float, n_nodes: int) -> np.ndarray:
    state = StateTargets("", (target,), system_of(frame), r_max, n_nodes)
    return state.curve_of(target, fine_histogram(frame, r_max, n_nodes).ravel())


@pytest.mark.parametrize("window", ["lorch", "cut"])
@pytest.mark.parametrize("radiation", ["neutron", "xray", "number"])
def test_the_map_gives_the_s_of_q_of_the_analysis(radiation: str, window: str) -> None:
    frame = crystal(cells=3)
    pdf = pair_distribution(frame, 6.0, 0.005)
    expected = PROBES[radiation](scattering.faber_ziman(pdf, Q, lorch=window == "lorch")).s
    for r_max, n_nodes in ((6.0, 480), (7.5, 600)):
        found = modelled(blank(radiation, 6.0, window), frame, r_max, n_nodes)
        # Nodes 0.0125 A apart: each pair is moved by about 0.005 A; times Q = 15 that is 0.07 of a wave, and the mean
        # of it is undone, so what is left averages out over pairs.
        np.testing.assert_allclose(found, expected, atol=0.01)


def test_the_map_gives_the_debye_sum_of_a_cluster() -> None:
    """A cluster alone in a large cell: all its pairs are inside R, and only D(Q) is taken away."""
    rng = np.random.default_rng(5)
    frame = Frame.from_symbols(["Si"] * 10 + ["O"] * 20, 20.0 + rng.random((30, 3)) * 6.0, 46.0)
    distance = np.linalg.norm(frame.positions[:, None] - frame.positions[None], axis=2)
    waves = np.sinc(Q[:, None, None] * distance / np.pi) * (1 - np.eye(30))
    b = np.array([{"Si": 4.1491, "O": 5.803}[symbol] for symbol in frame.symbols])
    rho = 30 / 46.0**3
    removed = 4 * np.pi * rho * (np.sin(Q * 12) - Q * 12 * np.cos(Q * 12)) / Q**3
    expected = 1 + np.einsum("i,j,qij->q", b, b, waves) / 30 / b.mean() ** 2 - removed
    np.testing.assert_allclose(modelled(blank("neutron", 12.0, "cut"), frame, 12.0, 960), expected, atol=0.01)


def test_coarse_nodes_cost_no_amplitude() -> None:
    """Nodes 0.05 A apart smear the waves of Q = 12 to 15 by 3 to 5 %, which is undone; what is left is noise."""
    rng = np.random.default_rng(6)
    frame = Frame.from_symbols(["Si"] * 30 + ["O"] * 60, 20.0 + rng.random((90, 3)) * 8.0, 52.0)
    fine, coarse = (modelled(blank("number", 14.5, "cut"), frame, 14.5, n_nodes) for n_nodes in (2900, 290))
    high = Q > 12
    slope = np.polyfit(fine[high] - 1, coarse[high] - 1, 1)[0]
    assert slope == pytest.approx(1.0, abs=0.015)


def test_a_sharp_end_counts_each_pair_once() -> None:
    """Pairs of the last cell lie on two nodes where the histogram ends, and on either side of a node inside it."""
    r = np.arange(11) * 0.5
    np.testing.assert_allclose(window_at(r, 5.0, "cut", 0.5)[-2:], [1.0, 1.0])
    np.testing.assert_allclose(window_at(r, 4.0, "cut", 0.5)[-4:], [1.0, 0.5, 0.0, 0.0])
    np.testing.assert_allclose(window_at(r, 4.0, "lorch", 0.5)[-3:], 0.0, atol=1e-15)


@pytest.mark.parametrize("window", ["lorch", "cut"])
def test_the_density_term_is_its_integral(window: str) -> None:
    r = np.linspace(0.0, 7.0, 20_001)
    damped = np.sinc(r / 7.0) if window == "lorch" else np.ones_like(r)
    for q in (0.3, np.pi / 7.0, 2.0, 11.0):
        direct = np.trapezoid(4 * np.pi * 0.07 * r**2 * np.sinc(q * r / np.pi) * damped, r)
        found = density_term(np.array([q]), 0.07, 7.0, window)[0]  # type: ignore[arg-type]
        assert found == pytest.approx(direct, abs=1e-5)


@pytest.mark.parametrize("window", ["lorch", "cut"])
def test_broadening_is_what_the_cut_does(window: str) -> None:
    """D(r) = exp(-r^2/2s^2) sin(kr), s = 10 A, has a known F(Q); its transform up to R = 8 A is the broadened one."""
    s, k, end = 10.0, 1.7, 8.0
    q = np.arange(1, 241) * 0.05
    f = 0.5 * s * np.sqrt(np.pi / 2) * (np.exp(-0.5 * (s * (q - k)) ** 2) - np.exp(-0.5 * (s * (q + k)) ** 2))
    r = np.linspace(0.0, end, 8001)
    damped = np.sinc(r / end) if window == "lorch" else np.ones_like(r)
    d = np.exp(-0.5 * (r / s) ** 2) * np.sin(k * r) * damped
    expected = np.array([np.trapezoid(d * np.sin(x * r), r) for x in q])
    found = q * (broadening(q, end, window) @ (f / q))  # type: ignore[arg-type]
    # The trapezoid rule is exact here but for what exp(-r^2/2s^2) has left at 2 pi/0.05 - 8 A = 118 A: nothing.
    np.testing.assert_allclose(found, expected, atol=1e-6 * expected.max())


def test_broadening_at_uneven_points() -> None:
    rng = np.random.default_rng(2)
    even = np.arange(1, 601) * 0.02
    uneven = np.sort(rng.choice(even, 400, replace=False))
    curve = {len(q): broadening(q, 8.0, "lorch") @ np.exp(-((q - 4) ** 2)) for q in (even, uneven)}
    both = np.interp(uneven, even, curve[600])
    np.testing.assert_allclose(curve[400], both, atol=0.01 * both.max())


@pytest.mark.parametrize("window", ["lorch", "cut"])
@pytest.mark.parametrize("radiation", ["neutron", "xray"])
def test_a_perfect_model_scores_nothing(radiation: str, window: str) -> None:
    """The same atoms as experiment, seen to 13.8 A with all the order of a crystal, and as model, seen to 7 A."""
    frame = crystal()
    q = np.arange(1, 601) * 0.05
    partials = scattering.faber_ziman(pair_distribution(frame, 13.8, 0.01), q)
    measured = Curve(q, PROBES[radiation](partials).s)
    target = scattering_target("S(Q)", radiation, measured, (0.5, 20.0), 7.0, window)  # type: ignore[arg-type]
    goal = Objective((StateTargets("", (target,), system_of(frame), 8.0, 640),))
    mapping, offset = goal.state_map(0)
    histogram = fine_histogram(frame, 8.0, 640).ravel()
    inside = (q >= 0.5 - 1e-9) & (q <= 20.0 + 1e-9)
    not_broadened = np.linalg.norm(measured.y[inside] - target.values) / np.linalg.norm(target.values)
    # Exact for neutrons; the weights of X-rays change over the width of M, which for a sharp cut has long tails.
    limit = {"neutron": 0.001, "xray": 0.01 if window == "lorch" else 0.03}[radiation]
    assert goal.r_chi(mapping @ histogram + offset) < limit
    assert not_broadened > 0.3  # a crystal: all would be lost without


def test_weights_sum_to_one_and_isotopes_count() -> None:
    frame = crystal(cells=2)
    for radiation in ("neutron", "xray", "number"):
        weights = pair_weights(radiation, Q, system_of(frame), {})  # type: ignore[arg-type]
        np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-12)
    changed = pair_weights("neutron", Q, system_of(frame), {"Si": 0.0})
    np.testing.assert_allclose(changed[0], [0.0, 0.0, 1.0], atol=1e-12)
    with pytest.raises(GlasspotError, match="mean scattering length is zero"):
        pair_weights("neutron", Q, system_of(frame), {"Si": -5.803})


def test_interference_becomes_s_of_q() -> None:
    frame = crystal(cells=2)
    partials = scattering.faber_ziman(pair_distribution(frame, 4.5, 0.02), Q)
    for radiation in ("neutron", "xray"):
        total = PROBES[radiation](partials)
        factor = from_interference(radiation, Q, partials.fractions, {})  # type: ignore[arg-type]
        np.testing.assert_allclose(1 + factor * total.f, total.s, rtol=1e-12)


def test_errors_are_broadened_too() -> None:
    """Independent errors: the scatter of broadened copies of a curve is the error that the target states."""
    rng = np.random.default_rng(3)
    q = np.arange(1, 301) * 0.05
    made = [
        scattering_target(
            "t", "number", Curve(q, 1 + 0.1 * rng.standard_normal(300), np.full(300, 0.1)), (1, 12), 8.0, "cut"
        )
        for _ in range(200)
    ]
    scatter = np.std([target.values for target in made], axis=0)
    assert made[0].error is not None
    # 200 copies know a scatter to 5 %; the mean over 220 points, not independent, to 1 % or so.
    assert np.mean(made[0].error / scatter) == pytest.approx(1.0, abs=0.03)
    assert made[0].error.mean() < 0.05  # broadening averages


def test_a_target_survives_the_record() -> None:
    q = np.arange(1, 301) * 0.05
    target = scattering_target(
        "t", "neutron", Curve(q, np.ones(300), np.full(300, 0.1)), (1, 12), 8.0, "cut", {"B": 6.65}
    )
    goal = Objective((StateTargets("", (target,), system_of(crystal(cells=2)), 8.0, 640),))
    again = Objective.from_dict(goal.to_dict()).targets[0]
    assert isinstance(again, ScatteringTarget)
    np.testing.assert_array_equal(again.q, target.q)
    assert (again.lengths, again.window, again.end, again.label) == ({"B": 6.65}, "cut", 8.0, "t")
    assert again.wright(target.values + 0.1) == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize(
    ("q", "q_range", "words"),
    [
        (np.arange(1, 301) * 0.05, (0.5, 20.0), r"covers 0\.05 to 15 1/A, but the range asked is 0\.5 to 20"),
        (np.arange(30, 301) * 0.05, (0.5, 12.0), r"covers 1\.5 to 15"),
        (np.arange(1, 31) * 0.5, (0.5, 12.0), r"0\.5 1/A apart.*at most 0\.39"),
        (np.arange(1, 301) * 0.05, (5.0, 5.1), "only 3 points"),
        (np.arange(-5, 2) * 0.05, (0.0, 0.05), "1 points at Q above 0"),
    ],
)
def test_measurements_that_will_not_do(q: np.ndarray, q_range: tuple[float, float], words: str) -> None:
    with pytest.raises(GlasspotError, match=words):
        scattering_target("t", "neutron", Curve(q, np.ones(len(q))), q_range, 8.0)
