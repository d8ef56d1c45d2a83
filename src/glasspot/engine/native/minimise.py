"""Minimise the energy in a fixed cell, only to part atoms that start too close: FIRE 2.0.

Source: Guenole et al., Comput. Mater. Sci. 175 (2020) 109584, 10.1016/j.commatsci.2020.109584: molecular dynamics that
turns the velocity towards the force, quickens while it runs downhill, and stops, half a step back, when it runs uphill.
No atom moves more than MOST_MOVE in a step. It ends like LAMMPS's ``minimize 1e-4 1e-2 200 1000``.

Notation (of the paper): P = F v power, alpha the share of the force's direction in the new velocity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from glasspot.engine.native.field import ENERGY, FORCES, WELL, Field, update
from glasspot.engine.native.gentle import limit
from glasspot.engine.native.motion import Atoms
from glasspot.engine.native.variant import Variant
from glasspot.units import MASS_SPEED_SQUARED

MOST_MOVE = 0.1  # A
MOST_UPDATES = 1000
ENERGY_TOLERANCE = 1e-4  # relative change of the energy over LOOK_EVERY updates
FORCE_TOLERANCE = 1e-2  # eV/A, norm over all components
LOOK_EVERY = 10
# The paper's parameters; times are in units of the time step of the dynamics.
LONGEST, SHORTEST, DELAY, QUICKER, SLOWER, ALPHA, ALPHA_DECAY = 10.0, 0.02, 20, 1.1, 0.5, 0.25, 0.99


class _Broken(Exception):
    """The field could not be brought up to date: ``problem`` of ``update``, at update ``count``."""

    def __init__(self, problem: int, count: int) -> None:
        super().__init__(problem, count)
        self.problem, self.count = problem, count


@np.errstate(over="ignore", invalid="ignore")  # what is no number is told by update
def minimise(variant: Variant, field: Field, atoms: Atoms, timestep: float) -> tuple[int, int]:
    """Move ``atoms`` downhill from forces that are up to date; return (number of updates, problem of ``update``).

    timestep: ps, of the dynamics. Velocities and cell stay as they are; the field holds the forces at the end.
    """
    n = len(atoms.x) // 4
    pull = atoms.inverse_mass.reshape(n, 4) / MASS_SPEED_SQUARED
    rows = field.forces[: 4 * n].reshape(n, 4)

    def forces(count: int, looks: bool) -> tuple[NDArray[np.float64], float]:
        energy, _, _, problem = update(variant, field, atoms.x, atoms.lengths, ENERGY if looks else FORCES)
        if problem != WELL:
            raise _Broken(problem, count)
        return np.where(pull > 0.0, rows, 0.0).astype(np.float64), energy

    before = np.inf
    try:
        start = np.where(pull > 0.0, rows, 0.0).astype(np.float64)
        for count, energy, f in descend(atoms.x.reshape(n, 4), pull, start, forces, timestep):
            if abs(energy - before) < ENERGY_TOLERANCE * abs(energy) or _norm(f) < FORCE_TOLERANCE:
                return count, WELL
            before = energy
    except _Broken as broken:
        return broken.count, broken.problem
    return MOST_UPDATES, WELL


def descend(
    x: NDArray[np.float64],
    pull: NDArray[np.float64],
    f: NDArray[np.float64],
    forces: Callable[[int, bool], tuple[NDArray[np.float64], float]],
    timestep: float,
) -> Iterator[tuple[int, float, NDArray[np.float64]]]:
    """Move ``x`` (n, 3 or 4), in A, downhill in place; yield (count, energy, forces) each LOOK_EVERY updates.

    pull: what turns forces into accelerations, A/ps^2 for eV/A; f: the forces at the start; forces(count, looks):
    those of ``x`` as it is now, and the energy, which is asked for where ``looks`` is true. Ends after MOST_UPDATES.
    """
    v = np.zeros_like(x)
    dt, alpha, downhill = timestep, ALPHA, 0
    for count in range(1, MOST_UPDATES + 1):
        if float((f * v).sum()) > 0.0 or count == 1:
            downhill += 1
            if downhill > DELAY:
                dt, alpha = min(QUICKER * dt, LONGEST * timestep), alpha * ALPHA_DECAY
        else:
            downhill, alpha = 0, ALPHA
            x -= 0.5 * dt * v
            v[:] = 0.0
            if count > DELAY:
                dt = max(SLOWER * dt, SHORTEST * timestep)
        v += dt * pull * f
        v = (1.0 - alpha) * v + alpha * _norm(v) / max(_norm(f), 1e-300) * f
        limit(v, MOST_MOVE / dt)
        x += dt * v
        looks = count % LOOK_EVERY == 0
        f, energy = forces(count, looks)
        if looks:
            yield count, energy, f


def _norm(rows: NDArray[np.floating]) -> float:
    return sqrt(float((rows.astype(np.float64) ** 2).sum()))
