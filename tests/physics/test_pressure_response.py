"""The response of the pressure and of S(Q) to the parameters, from one run, against independent ways to the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glasspot.campaign.response import measure
from glasspot.engine.base import Simulation
from glasspot.engine.calculator import GlasspotCalculator
from glasspot.engine.lammps import LammpsEngine
from glasspot.evaluate.job import Observe, Outcome
from glasspot.evaluate.observe import PairObserver
from glasspot.potential.io import load_potential
from glasspot.potential.parameters import ParameterSpace
from glasspot.presets import preset
from glasspot.search.linear_model import LinearModel
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing
from glasspot.target.curve import CurveTarget
from glasspot.target.number import NumberTarget
from glasspot.target.objective import Objective, StateTargets
from glasspot.target.scattering import ScatteringTarget
from glasspot.target.system import System
from glasspot.units import BAR_PER_EV_A3, BOLTZMANN

TEMPERATURE = 3600.0
FREE = ["charge.Si", "Si-O.rho", "O-O.A"]
COUNTS = {"Si": 27, "O": 54}
LENGTH = 10.7
LABELS = ("Si-Si", "Si-O", "O-O")


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    """A short liquid: 81 atoms, a frame each 20 fs."""
    start = random_packing(COUNTS, LENGTH, 1)
    protocol = preset("liquid-pdf", equilibrate_ps=1.0, sample_ps=1.2, hot_ps=0.5)
    simulation = Simulation(load_potential("BKS"), start, protocol, 3)
    folder: Path = tmp_path_factory.mktemp("liquid")
    return [s.frame for s in LammpsEngine().run(simulation, folder) if not s.final]


def space() -> ParameterSpace:
    return ParameterSpace.build(load_potential("BKS"), FREE)


def observed(frames: list[Frame], blocks: int = 10) -> Outcome:
    observer = PairObserver(Observe(8.0, 640, blocks=blocks, response=space(), pressure=True), load_potential("BKS"))
    for frame in frames:
        observer.add(frame)
    thermo = np.array([[0.0, 0.0, TEMPERATURE, frame.values["pressure_bar"]] for frame in frames])
    return Outcome("k", True, arrays={**observer.arrays(), "thermo": thermo})


def objective() -> Objective:
    edges = np.arange(20, 101) * 0.05
    q = np.arange(10, 150) * 0.1
    curves = (
        CurveTarget("g(r) Si-O", "Si-O", edges, np.ones(80)),
        ScatteringTarget("S(Q)", "neutron", q, np.ones(140), 5.3, "lorch", weight=2.0),
    )
    number = NumberTarget("pressure", "pressure", np.array([1.0]), 2.0)
    return Objective((StateTargets("", curves, System(LABELS, COUNTS, LENGTH**3), 8.0, 640, (number,)),))


def modelled(outcomes: list[Outcome]) -> LinearModel:
    found = measure([outcomes], space().to_cube(space().base), objective(), [TEMPERATURE]).model
    assert found is not None
    return found


def test_the_pressure_answers_as_the_reweighted_average(frames: list[Frame]) -> None:
    """For fixed frames, <P> at theta + d is exactly sum w P(theta + d) / sum w, w = exp(-beta (U(theta + d) - U)).

    Energies and virials of an independent code, pair by pair in double precision.
    """
    frames = frames[::7]  # the identity holds for any set of frames; the independent code is slow
    model = modelled([observed(frames, 4)])
    chosen = space()
    point = chosen.to_cube(chosen.base)
    atoms = [frame.to_ase() for frame in frames]
    beta, h = 1.0 / (BOLTZMANN * TEMPERATURE), 1e-4
    base = np.array([energy_and_virial(image, chosen, point) for image in atoms])
    kinetic = np.array([frame.values["pressure_bar"] for frame in frames]) - base[:, 1]
    ideal = [f.values["temperature_K"] * BOLTZMANN * (81 - 1) / LENGTH**3 * BAR_PER_EV_A3 for f in frames]
    # LAMMPS's pressure is its virial, from tables, and its temperature times N - 1 atoms.
    np.testing.assert_allclose(kinetic, ideal, atol=100.0)
    scale = objective().scale_of(objective().targets[-1])
    for axis, name in enumerate(FREE):
        means = []
        for sign in (1, -1):
            step = np.zeros(len(FREE))
            step[axis] = sign * h
            moved = np.array([energy_and_virial(image, chosen, point + step) for image in atoms])
            change = moved[:, 0] - base[:, 0]
            weights = np.exp(-beta * (change - change.mean()))
            means.append(np.average(kinetic + moved[:, 1], weights=weights))
        expected = scale * 1e-4 * (means[0] - means[1]) / (2 * h)
        # Sharing pairs linearly between nodes 0.0125 A apart errs by a fraction of a percent of the fluctuation.
        assert model.jacobian[-1, axis] == pytest.approx(expected, rel=0.01), name


def energy_and_virial(image, chosen: ParameterSpace, point: np.ndarray) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """Energy (eV) and the virial's part of the pressure (bar)."""
    image.calc = GlasspotCalculator(chosen.from_cube(point))
    stress = image.get_stress(voigt=False)
    return image.get_potential_energy(), float(-np.trace(stress) / 3 * BAR_PER_EV_A3)


def test_s_of_q_answers_as_the_reweighted_average(frames: list[Frame]) -> None:
    model = modelled([observed(frames)])
    goal = objective()
    observer = PairObserver(Observe(8.0, 640, response=space()), load_potential("BKS"))
    for frame in frames:
        observer.add(frame)
    stack = np.array(observer.histograms)
    slopes = observer._slopes(stack)
    mapping, offset = goal.state_map(0)
    curves = stack.reshape(len(stack), -1).astype(float) @ mapping.T + offset
    h = 1e-6
    for axis in range(len(FREE)):
        ends = []
        for sign in (1, -1):
            exponent = -sign * h * (slopes[:, axis] - slopes[:, axis].mean()) / (BOLTZMANN * TEMPERATURE)
            ends.append(np.average(curves, axis=0, weights=np.exp(exponent)))
        expected = (ends[0] - ends[1]) / (2 * h)
        # Block products are kept in single precision.
        assert np.abs(model.jacobian[:-1, axis] - expected).max() < 1e-4 * np.abs(expected).max(), FREE[axis]


def test_two_halves_give_the_response_of_the_whole(frames: list[Frame]) -> None:
    """The pressure's products, too, are counted from each run's own first frame."""
    half = len(frames) // 2
    whole, joined = modelled([observed(frames)]), modelled([observed(frames[:half], 5), observed(frames[half:], 5)])
    np.testing.assert_allclose(joined.curves, whole.curves, atol=1e-7)
    np.testing.assert_allclose(joined.jacobian[-1], whole.jacobian[-1], rtol=1e-6)


def test_a_number_without_a_response_leaves_it_out(frames: list[Frame]) -> None:
    goal = objective()
    number = NumberTarget("coordination Si-O", "coordination Si-O", np.array([4.0]), 0.1)
    goal = Objective((replace(goal.states[0], numbers=(number,)),))
    outcome = replace(observed(frames), numbers={"coordination Si-O": 4.2})
    found = measure([[outcome]], np.zeros(3), goal, [TEMPERATURE])
    assert found.model is None
    assert found.curves[-1] == pytest.approx(4.2 * goal.scale_of(number))
