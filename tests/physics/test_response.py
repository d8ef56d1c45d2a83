"""The response of g(r) to the parameters, from one run, against independent ways to the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasspot.campaign.response import gather, measure
from glasspot.engine.base import Simulation
from glasspot.engine.calculator import GlasspotCalculator
from glasspot.engine.lammps import LammpsEngine
from glasspot.evaluate.job import Observe, Outcome
from glasspot.evaluate.observe import PairObserver
from glasspot.potential.io import load_potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.presets import preset
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing
from glasspot.target.curve import CurveTarget
from glasspot.target.objective import Objective, StateTargets
from glasspot.target.system import System
from glasspot.units import BOLTZMANN

TEMPERATURE = 3600.0
SEVEN = ["charge.Si", "Si-O.A", "Si-O.rho", "Si-O.C", "O-O.A", "O-O.rho", "O-O.C"]
COUNTS = {"Si": 27, "O": 54}
LENGTH = 10.7


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    """A short liquid: 81 atoms, a frame each 20 fs."""
    start = random_packing(COUNTS, LENGTH, 1)
    protocol = preset("liquid-pdf", equilibrate_ps=1.0, sample_ps=2.0, hot_ps=0.5)
    simulation = Simulation(load_potential("BKS"), start, protocol, 3)
    folder: Path = tmp_path_factory.mktemp("liquid")
    return [s.frame for s in LammpsEngine().run(simulation, folder) if not s.final]


def observed(frames: list[Frame], blocks: int = 10) -> Outcome:
    space = ParameterSpace.build(load_potential("BKS"), SEVEN)
    observer = PairObserver(Observe(8.0, 640, blocks=blocks, response=space), load_potential("BKS"))
    for frame in frames:
        observer.add(frame)
    return Outcome("k", True, arrays=observer.arrays())


def objective() -> Objective:
    edges = np.arange(20, 161) * 0.05
    rng = np.random.default_rng(0)
    targets = tuple(
        CurveTarget(pair, pair, edges, 1 + 0.1 * rng.standard_normal(140)) for pair in ("Si-Si", "Si-O", "O-O")
    )
    return Objective((StateTargets("", targets, System(("Si-Si", "Si-O", "O-O"), COUNTS, LENGTH**3), 8.0, 640),))


def test_energy_slopes_match_the_energies_of_an_independent_code(frames: list[Frame]) -> None:
    """dU/du from histograms against differences of energies summed pair by pair in double precision."""
    space = ParameterSpace.build(load_potential("BKS"), SEVEN)
    point = space.to_cube(space.base)
    arrays = observed(frames).arrays
    pieces = np.array_split(np.arange(len(frames)), 10)
    atoms = [frames[i].to_ase() for i in pieces[0][:4]]
    step = 1e-3
    for axis in range(len(SEVEN)):
        shift = np.zeros(len(SEVEN))
        shift[axis] = step
        slopes = []
        for image in atoms:
            energies = []
            for sign in (1, -1):
                image.calc = GlasspotCalculator(space.from_cube(point + sign * shift))
                energies.append(image.get_potential_energy())
            slopes.append((energies[0] - energies[1]) / (2 * step))
        # Only fluctuations matter: compare the differences between frames of one run.
        single = observed_slopes(frames, pieces[0][:4])[:, axis]
        expected = np.array(slopes) - slopes[0]
        found = single - single[0]
        # Sharing pairs linearly between nodes 0.0125 A apart errs by a fraction of a percent of the fluctuation.
        assert np.abs(found - expected).max() < 0.01 * max(np.abs(expected).max(), 1.0), SEVEN[axis]
    assert arrays["slope"].shape == (10, 7)


def observed_slopes(frames: list[Frame], chosen: np.ndarray) -> np.ndarray:
    space = ParameterSpace.build(load_potential("BKS"), SEVEN)
    observer = PairObserver(Observe(8.0, 640, response=space), load_potential("BKS"))
    for i in chosen:
        observer.add(frames[i])
    return observer._slopes(np.array(observer.histograms))


def test_jacobian_is_the_derivative_of_the_reweighted_average(frames: list[Frame]) -> None:
    """For fixed frames, <g> at theta + d is exactly sum w g / sum w with w = exp(-beta d . dU); its slope is J."""
    outcome = observed(frames)
    goal = objective()
    space = ParameterSpace.build(load_potential("BKS"), SEVEN)
    model = measure([[outcome]], space.to_cube(space.base), goal, [TEMPERATURE]).model
    assert model is not None
    observer = PairObserver(Observe(8.0, 640, response=space), load_potential("BKS"))
    for frame in frames:
        observer.add(frame)
    stack = np.array(observer.histograms)
    slopes = observer._slopes(stack)
    curves = stack.reshape(len(stack), -1).astype(float) @ goal.state_map(0)[0].T
    h = 1e-6
    for axis in range(len(SEVEN)):
        ends = []
        for sign in (1, -1):
            exponent = -sign * h * (slopes[:, axis] - slopes[:, axis].mean()) / (BOLTZMANN * TEMPERATURE)
            weights = np.exp(exponent) / np.exp(exponent).sum()
            ends.append(weights @ curves)
        expected = (ends[0] - ends[1]) / (2 * h)
        # Block products are kept in single precision: 1e-4 of the column is far below its sampling noise (10 %).
        assert np.abs(model.jacobian[:, axis] - expected).max() < 1e-4 * np.abs(expected).max(), SEVEN[axis]


def test_two_halves_of_a_run_give_the_response_of_the_whole(frames: list[Frame]) -> None:
    goal = objective()
    half = len(frames) // 2
    point = np.zeros(7)
    whole = measure([[observed(frames)]], point, goal, [TEMPERATURE]).model
    parts = [observed(frames[:half], 5), observed(frames[half:], 5)]
    joined = measure([parts], point, goal, [TEMPERATURE]).model
    assert whole is not None and joined is not None
    assert np.allclose(joined.curves, whole.curves, atol=1e-7)
    # Each half counts its slopes from its own first frame; joined, they must agree as one run (single precision).
    assert np.abs(joined.jacobian - whole.jacobian).max() < 1e-4 * np.abs(whole.jacobian).max()


def test_errors_are_those_of_the_scatter() -> None:
    """Uncorrelated made-up blocks: the noise of the mean and the jackknife error have known values."""
    rng = np.random.default_rng(4)
    goal = objective()
    noise = 0.05
    found = []
    for _ in range(40):
        histograms = np.zeros((20, 3, 641))
        mean = 20.0 + 0.0 * histograms
        histograms[:] = mean + noise * 20.0 * rng.standard_normal(histograms.shape)
        outcome = Outcome("k", True, arrays={"frames": np.full(20, 10), "histogram": histograms})
        blocks = gather([outcome], goal)
        found.append(
            (
                np.linalg.norm(blocks.curve_scatter()),
                goal.r_chi(blocks.mean_curves()),
                measure([[outcome]], np.zeros(0), goal, [TEMPERATURE]).error,
            )
        )
    estimated, costs, errors = (np.array(column) for column in zip(*found, strict=True))
    spread = goal.state_map(0)[0] ** 2 @ np.full(3 * 641, (noise * 20.0) ** 2 / 20)
    # 20 blocks of 420 bins: the estimate of the noise scatters by about 2 %.
    assert estimated.mean() == pytest.approx(np.sqrt(spread.sum()), rel=0.05)
    # The jackknife error against the scatter of 40 repeats, itself known to 11 %.
    assert errors.mean() == pytest.approx(costs.std(ddof=1), rel=0.4)
