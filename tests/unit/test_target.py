"""R_chi, its linear map from fine histograms, and the checks of a reference curve."""

from __future__ import annotations

import numpy as np
import pytest

from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame
from glasspot.structure.pairs import fine_histogram, pair_labels, pair_row
from glasspot.structure.pdf import pair_distribution
from glasspot.target.curve import CurveTarget, curve_target, rebin_matrix
from glasspot.target.objective import Objective, StateTargets
from glasspot.target.system import System

LENGTH = 17.0


def random_frame(seed: int, n: int = 300) -> Frame:
    rng = np.random.default_rng(seed)
    types = (np.arange(n) >= n // 3).astype(int)
    return Frame(rng.random((n, 3)) * LENGTH, np.eye(3) * LENGTH, ("Si", "O"), types)


def objective(targets: tuple[CurveTarget, ...], frame: Frame, n_nodes: int = 640) -> Objective:
    system = System(pair_labels(frame.species), frame.counts, frame.volume)
    return Objective((StateTargets("", targets, system, 8.0, n_nodes),))


def blank(pair: str | None, width: float = 0.05, weight: float = 1.0) -> CurveTarget:
    edges = np.arange(161) * width
    return CurveTarget(f"g(r) {pair or 'total'}", pair, edges, np.ones(160), None, weight)


def test_rebinning_conserves_pairs() -> None:
    edges = np.linspace(0.0, 8.0, 129)
    shares = rebin_matrix(edges, 8.0, 640).sum(0)
    # The last node's hat reaches half outside the last edge; the first one half below zero.
    assert np.allclose(shares[1:-1], 1.0)
    assert shares[0] == pytest.approx(0.5)
    assert shares[-1] == pytest.approx(0.5)


@pytest.mark.parametrize("pair", ["Si-Si", "Si-O", "O-O"])
def test_mapped_histogram_is_the_partial_g(pair: str) -> None:
    frames = [random_frame(seed) for seed in range(6)]
    goal = objective((blank(pair),), frames[0])
    mean = np.mean([fine_histogram(f, 8.0, 640) for f in frames], axis=0)
    mapped = goal.states[0].curve_map(goal.states[0].curves[0]) @ mean.ravel()
    direct = pair_distribution(frames, 8.0, 0.05).partial(pair)
    # Linear sharing smears each bin's edge over one node (0.0125 A of 0.05 A); beyond 2 A bins hold enough pairs that
    # the two differ by that share of the counting noise, about 2 / sqrt(pairs in the bin).
    far = goal.targets[0].r > 2
    assert np.abs(mapped - direct)[far].max() < 0.6
    assert np.abs(mapped - direct)[far].mean() < 0.06
    assert mapped[far].mean() == pytest.approx(direct[far].mean(), abs=2e-3)


def test_total_weighs_pairs_by_number() -> None:
    frame = random_frame(3)
    counts = fine_histogram(frame, 8.0, 640).ravel()
    goal = objective((blank(None), blank("Si-Si"), blank("Si-O"), blank("O-O")), frame)
    total, ss, so, oo = (goal.states[0].curve_map(t) @ counts for t in goal.states[0].curves)
    c = 1 / 3
    assert np.allclose(total, c * c * ss + 2 * c * (1 - c) * so + (1 - c) ** 2 * oo)


def test_r_chi_is_the_papers_formula() -> None:
    rng = np.random.default_rng(0)
    frame = random_frame(1)
    references = {pair: 1 + rng.random(160) for pair in ("Si-Si", "Si-O", "O-O")}
    targets = tuple(CurveTarget(pair, pair, np.arange(161) * 0.05, values) for pair, values in references.items())
    goal = objective(targets, frame)
    model = {pair: values + 0.1 * rng.standard_normal(160) for pair, values in references.items()}
    scaled = np.concatenate([s * model[t.label] for s, t in zip(goal.scales(), targets, strict=True)])
    chi2 = {p: ((references[p] - model[p]) ** 2).sum() / (references[p] ** 2).sum() for p in references}
    assert goal.r_chi(scaled) == pytest.approx(np.sqrt(np.mean(list(chi2.values()))), rel=1e-12)
    for pair, value in goal.per_curve(scaled).items():
        assert value == pytest.approx(np.sqrt(chi2[pair]), rel=1e-12)


def test_weights_count() -> None:
    frame = random_frame(1)
    goal = objective((blank("Si-O", weight=3.0), blank("O-O", weight=1.0)), frame)
    scaled = goal.scaled_reference().copy()
    scaled[:160] *= 0.9  # 10 % off in Si-O only: chi2 = 0.01 with weight 3/4
    assert goal.r_chi(scaled) == pytest.approx(np.sqrt(0.75 * 0.01))


def test_integrated_residual_sees_a_shift_from_afar() -> None:
    goal = objective((blank("Si-O"),), random_frame(1))
    operator = goal.cumulative()
    peak, near, far = (np.exp(-(((np.arange(160) - c) / 2.0) ** 2)) for c in (40, 60, 100))
    # The plain residual of two peaks that do not overlap does not depend on their distance; the integrated one does.
    assert np.linalg.norm(peak - near) == pytest.approx(np.linalg.norm(peak - far), rel=1e-6)
    assert np.linalg.norm(operator @ (peak - far)) > 1.5 * np.linalg.norm(operator @ (peak - near))


def test_reference_noise_is_the_cost_of_a_perfect_model() -> None:
    values = np.full(160, 2.0)
    error = np.full(160, 0.1)
    target = CurveTarget("g", "Si-O", np.arange(161) * 0.05, values, error)
    assert objective((target,), random_frame(0)).reference_noise() == pytest.approx(0.05)


def test_a_curve_that_does_not_cover_the_range_is_refused() -> None:
    r = np.arange(100) * 0.05 + 0.025
    with pytest.raises(GlasspotError, match=r"covers 0\.00 to 5\.00 A, but the range asked is 0 to 8 A"):
        curve_target("g(r)", None, r, np.ones(100), (0.0, 8.0))


def test_other_faults_of_a_curve_are_refused() -> None:
    r = np.arange(200) * 0.05 + 0.025
    with pytest.raises(GlasspotError, match="not evenly spaced"):
        curve_target("g", None, r**1.1, np.ones(200), (1.0, 5.0))
    with pytest.raises(GlasspotError, match="not numbers"):
        curve_target("g", None, r, np.where(r > 4, np.nan, 1.0), (1.0, 5.0))
    with pytest.raises(GlasspotError, match="zero"):
        curve_target("g", None, r, np.zeros(200), (1.0, 5.0))
    with pytest.raises(GlasspotError, match="the pairs are Si-Si, Si-O, O-O"):
        pair_row(("Si-Si", "Si-O", "O-O"), "B-O")


def test_printed_centres_give_even_bins() -> None:
    r = np.round(np.arange(256) * 0.0625 + 0.03125, 4)
    target = curve_target("g", None, r, np.ones(256), (0.9, 8.0))
    assert target.edges[0] == pytest.approx(0.9375, abs=1e-4)
    assert target.edges[-1] == pytest.approx(8.0, abs=1e-4)
    assert len(target.values) == 113


def test_a_state_weighs_its_own_targets() -> None:
    goal = objective((blank("Si-O", weight=3.0), blank("O-O", weight=1.0)), random_frame(1))
    scaled = goal.scaled_reference().copy()
    scaled[:160] *= 0.9
    assert goal.per_state(scaled)[""] == pytest.approx(np.sqrt(0.75 * 0.01))
