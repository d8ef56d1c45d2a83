"""Reweighting of frames: against an integral that is known, against the response of fluctuations, and against MD."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glasspot.campaign.response import measure
from glasspot.campaign.reweight import Anchor, Frames, estimate, frames_of, node_energies
from glasspot.evaluate.job import EngineChoice, Job, Observe, Outcome, Packing
from glasspot.evaluate.run import run_job
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.presets import preset
from glasspot.target.curve import CurveTarget
from glasspot.target.objective import Objective, StateTargets
from glasspot.target.system import System
from glasspot.units import BOLTZMANN

TEMPERATURE = 3600.0
COUNTS, LENGTH = {"Si": 27, "O": 54}, 10.7
LABELS = ("Si-Si", "Si-O", "O-O")
SPACE = ParameterSpace.build(load_potential("BKS"), ["charge.Si", "Si-O.A"])
START = SPACE.to_cube(SPACE.base)
OBSERVE = Observe(8.0, 640, response=SPACE, each_frame=True)


def objective(reference: float = 1.0) -> Objective:
    edges = np.arange(20, 121) * 0.05
    targets = tuple(CurveTarget(pair, pair, edges, np.full(100, reference)) for pair in LABELS)
    return Objective((StateTargets("", targets, System(LABELS, COUNTS, LENGTH**3), 8.0, 640),))


def simulated(potential: Potential, seed: int, folder: Path, sample_ps: float = 6.0) -> Outcome:
    protocol = preset("liquid-pdf", equilibrate_ps=2.0, sample_ps=sample_ps, hot_ps=0.5)
    job = Job(potential, Packing(COUNTS, LENGTH, 1), protocol, seed, EngineChoice("native"), OBSERVE)
    run_job(job, None, folder)
    return Outcome.from_bytes((folder / "outcome.npz").read_bytes())


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return simulated(SPACE.base, 3, tmp_path_factory.mktemp("liquid"))


def anchor(outcomes: list[Outcome], goal: Objective) -> Anchor:
    return Anchor(0, node_energies(SPACE.base, goal), [frames_of(outcomes, goal, 0, TEMPERATURE)])


def test_the_frames_kept_are_those_of_the_blocks(outcome: Outcome) -> None:
    stack, sizes = outcome.arrays["each_frame"], outcome.arrays["frames"]
    assert len(stack) == sizes.sum() == 300
    first = stack[: sizes[0]].mean(0, dtype=np.float64)
    assert np.allclose(first, outcome.arrays["histogram"][0], atol=1e-6)


def test_at_the_anchor_nothing_changes(outcome: Outcome) -> None:
    goal = objective()
    found = estimate([anchor([outcome], goal)], node_energies(SPACE.base, goal), goal)
    direct = measure([[outcome]], START, goal, [TEMPERATURE])
    assert found.cost == pytest.approx(direct.cost, rel=1e-6)
    assert found.error == pytest.approx(direct.error, rel=1e-3)
    assert found.n_eff == pytest.approx(300)


def test_its_slope_is_the_response_of_fluctuations(outcome: Outcome) -> None:
    """For the same frames, d R_chi / d theta by reweighting is that of the Jacobian."""
    goal = objective()
    model = measure([[outcome]], START, goal, [TEMPERATURE]).model
    assert model is not None
    gradient = -(goal.scaled_reference() - model.curves) @ model.jacobian / model.cost
    h = 1e-4
    for axis in range(2):
        ends = []
        for sign in (1, -1):
            point = START + sign * h * np.eye(2)[axis]
            energies = node_energies(SPACE.from_cube(point), goal)
            ends.append(estimate([anchor([outcome], goal)], energies, goal).cost)
        # The response is stored in single precision, and its energy slopes are differences of 1e-3 of the cube.
        assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(gradient[axis], rel=2e-3)


def test_a_known_integral() -> None:
    """One pair in a well: its distance has the weight exp(-u / kT) over nodes; the mean for another u is a sum."""
    nodes, beta = 640, 1.0 / (BOLTZMANN * TEMPERATURE)
    r = np.arange(nodes + 1) * 8.0 / nodes
    wells = [2.0 * (r - 3.0) ** 2, 2.4 * (r - 3.08) ** 2]
    exact = [np.exp(-beta * u) / np.exp(-beta * u).sum() for u in wells]
    edges, atoms = np.arange(20, 121) * 0.05, System(("Si-Si",), {"Si": 2}, 1e3)
    blank = CurveTarget("g", None, edges, np.ones(100))
    there, here = (blank.curve_map(atoms, 8.0, nodes) @ p for p in (exact[1], exact[0]))
    goal = Objective((StateTargets("", (replace(blank, values=there),), atoms, 8.0, nodes),))
    mapping, _ = goal.state_map(0)
    draws = np.random.default_rng(5).choice(nodes + 1, 40_000, p=exact[0])
    histograms = np.eye(nodes + 1)[draws]
    blocks = np.arange(len(draws)) * 10 // len(draws)
    frames = Frames(histograms, histograms @ mapping.T, blocks, np.zeros(len(draws)), beta)
    found = estimate([Anchor(7, [wells[0]], [frames])], [wells[1]], goal)
    assert found.anchor == 7
    # The target is the exact answer: what is left is the noise of 40 000 draws in some 30 bins.
    assert found.cost < 0.02
    assert np.linalg.norm(here - there) / np.linalg.norm(there) > 0.1  # there was something to reweight
    # Kish's number has a limit as well: n (sum w p)^2 / sum w^2 p.
    w = exact[1] / np.maximum(exact[0], 1e-300)
    assert found.n_eff == pytest.approx(len(draws) / (w**2 @ exact[0]), rel=0.05)


def test_the_anchor_with_the_most_frames_speaks(outcome: Outcome) -> None:
    goal = objective()
    energies = node_energies(SPACE.from_cube(START + np.array([0.01, 0.0])), goal)
    here = anchor([outcome], goal)
    far = replace(here, number=1, energies=node_energies(SPACE.from_cube(START + np.array([-0.1, 0.0])), goal))
    assert estimate([far, here], energies, goal).anchor == 0
    assert estimate([here], energies, goal).n_eff < 300
    gone = node_energies(SPACE.from_cube(START + np.array([0.2, 0.3])), goal)
    assert estimate([here], gone, goal).n_eff < 20  # such a point stays blank


@pytest.mark.parametrize("step", [(0.01, 0.0), (0.0, 0.004)])
def test_reweighting_agrees_with_md_nearby(step: tuple[float, float], outcome: Outcome, tmp_path: Path) -> None:
    goal = objective()
    potential = SPACE.from_cube(START + np.array(step))
    weighted = estimate([anchor([outcome], goal)], node_energies(potential, goal), goal)
    assert weighted.n_eff > 20
    direct = measure([[simulated(potential, 4, tmp_path)]], START, goal, [TEMPERATURE])
    # Errors of blocks of short runs are too small by half or so: three of them is a fair band.
    assert abs(weighted.cost - direct.cost) < 3 * np.hypot(weighted.error, direct.error)
