"""Elastic moduli of an isotropic glass at rest, from what strained and then relaxed copies of it weigh in energy.

Along each axis of the cell in turn the glass is strained by +-e, its atoms are relaxed at the new lengths, and

    C_axis = (1/V) d2E/de2          C11 = mean over the axes         K = - mean over the axes of dP/de
    G = 3/4 (C11 - K)               E = 9 K G / (3 K + G)            nu = (3 K - 2 G) / (6 K + 2 G)

with V the volume at rest. The second derivative of the energy in the length of one axis is the slope of the stress
along that axis, also under pressure; the mean of the three slopes of the pressure is the bulk modulus, since to first
order strains add up. Source of the relations: L. D. Landau and E. M. Lifshitz, Theory of Elasticity, sections 4-5.

Atoms are relaxed by strong friction in molecular dynamics, which every engine has, and not by its minimiser, which only
parts atoms that are too close. Energies of a last, frictionless piece are averaged: atoms tremble there by about
2e-4 A, so that rounding errors of single precision average out as well.

A glass yields here and there when it is strained: a few atoms fall into another place, and the energy drops. So each
axis is strained by e and by e/2, and by half of both as long as the two disagree.

The moduli are those of the volume that the glass has. Its atoms have no heat in them, so a glass of 300 K is under a
tension of some 0.5 GPa here; at the volume of 300 K moduli are nearer to those of 300 K than at no pressure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from glasspot.engine.base import Engine, Simulation
from glasspot.potential.model import Potential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.units import BAR_PER_EV_A3

# Strain of one axis for a glass of VOLUME (A^3, 400 atoms); larger for smaller ones, whose energy says less and which
# yield later. A borosilicate quenched at 100 K/ps yielded in one of 24 strains up to 0.3 %, and the energy is known
# well enough for 1 % of the stiffness at 0.2 %, 4 % at 0.1 %.
STRAIN, VOLUME = 0.002, 5000.0
SMALLEST, LARGEST = 0.001, 0.004
HALVINGS = 2
# How far the moduli of a strain and of its half may be apart, relative: four times what is seen without any yielding.
AGREE = 0.05
FRICTION = Stage("nvt", 6.0, 1e-3, gentle=True, name="relax")
FIRST_FRICTION = replace(FRICTION, duration=20.0)  # the start carries the displacements of its temperature
WEIGH = Stage("nve", 2.0, sample_every=0.04, name="weigh")
# ps. At rest only stability limits the time step: the fastest bonds, B-O at 1400 cm^-1, allow 7.6 fs.
TIMESTEP = 0.004
GPA_PER_EV_A3 = BAR_PER_EV_A3 * 1e-4


@dataclass(frozen=True)
class Relaxed:
    """A configuration at rest, its energy in eV and its pressure in eV/A^3."""

    frame: Frame
    energy: float
    pressure: float


@dataclass(frozen=True)
class Response:
    """The second derivative of the energy and the slope of the pressure in the strain of one axis, both eV/A^3."""

    stiffness: float
    pressure_slope: float


def elastic_moduli(
    engine: Engine, potential: Potential, frame: Frame, folder: Path, seed: int = 1, strain: float | None = None
) -> dict[str, float]:
    """Return "bulk_modulus", "shear_modulus", "youngs_modulus" (GPa), "poisson_ratio" and "elastic_residual".

    ``frame`` at the end of a run; its volume is kept. ``folder``: where the engine works, each run over the files of
    the one before. ``strain``: the largest, None for one that suits the volume. "elastic_residual": by how much,
    relative, the moduli of the strain that was taken and of its half differ, the largest of the three axes; above some
    0.05 the glass yielded in the smallest strains too. Raises EngineFailure.
    """
    if strain is None:
        strain = float(np.clip(STRAIN * np.sqrt(VOLUME / frame.volume), SMALLEST, LARGEST))
    relax = _relaxer(engine, potential, folder, seed)
    rest = relax(replace(frame, velocities=None), FIRST_FRICTION)
    responses, residuals = [], []
    for axis in range(3):
        response, residual = _axis(rest, axis, strain, lambda start: relax(start, FRICTION))
        responses.append(response)
        residuals.append(residual)
    bulk = -float(np.mean([response.pressure_slope for response in responses])) * GPA_PER_EV_A3
    stiffness = float(np.mean([response.stiffness for response in responses])) * GPA_PER_EV_A3
    return {**moduli(bulk, stiffness), "elastic_residual": max(residuals)}


def moduli(bulk: float, stiffness: float) -> dict[str, float]:
    """Return the four numbers of an isotropic body from its K and C11, both GPa."""
    shear = 0.75 * (stiffness - bulk)
    return {
        "bulk_modulus": bulk,
        "shear_modulus": shear,
        "youngs_modulus": 9.0 * bulk * shear / (3.0 * bulk + shear),
        "poisson_ratio": (3.0 * bulk - 2.0 * shear) / (6.0 * bulk + 2.0 * shear),
    }


def _relaxer(engine: Engine, potential: Potential, folder: Path, seed: int) -> Callable[[Frame, Stage], Relaxed]:
    """Return what relaxes a frame in one stage of friction and weighs it."""

    def relax(start: Frame, friction: Stage) -> Relaxed:
        protocol = Protocol("elastic", (friction, WEIGH), timestep=TIMESTEP)
        samples = list(engine.run(Simulation(potential, start, protocol, seed), folder))
        weighed = [sample for sample in samples if not sample.final]
        return Relaxed(
            frame=replace(samples[-1].frame, velocities=None),
            energy=float(np.mean([sample.energy_eV for sample in weighed])),
            pressure=float(np.mean([sample.pressure_bar for sample in weighed])) / BAR_PER_EV_A3,
        )

    return relax


def _axis(rest: Relaxed, axis: int, strain: float, relax: Callable[[Frame], Relaxed]) -> tuple[Response, float]:
    """Return the response along one axis, and by how much (relative) it differs from that of half the strain."""

    @cache
    def respond(e: float) -> Response:
        longer, shorter = (relax(strained(rest.frame, axis, sign * e)) for sign in (1, -1))
        return Response(
            (longer.energy - 2.0 * rest.energy + shorter.energy) / (e * e * rest.frame.volume),
            (longer.pressure - shorter.pressure) / (2.0 * e),
        )

    found: list[tuple[float, Response]] = []
    for halving in range(HALVINGS):
        wide, narrow = respond(strain / 2**halving), respond(strain / 2 ** (halving + 1))
        # Both are told in parts of the stiffness: the slope of the pressure is two thirds of it or less.
        gaps = (wide.stiffness - narrow.stiffness, wide.pressure_slope - narrow.pressure_slope)
        found.append((max(abs(gap) for gap in gaps) / abs(wide.stiffness), wide))
        if found[-1][0] < AGREE:
            break
    residual, response = min(found, key=lambda pair: pair[0])
    return response, residual


def strained(frame: Frame, axis: int, e: float) -> Frame:
    """Return the frame with every length along a Cartesian axis made 1 + e times as long, atoms and cell alike."""
    factors = np.ones(3)
    factors[axis] += e
    return replace(frame, cell=frame.cell * factors, positions=frame.positions * factors)
