"""Minimise the energy in a fixed cell, only to part atoms that start too close: FIRE 2.0.

Source: Guenole et al., Comput. Mater. Sci. 175 (2020) 109584, 10.1016/j.commatsci.2020.109584: molecular dynamics that
turns the velocity towards the force, quickens while it runs downhill, and stops, half a step back, when it runs uphill.
No atom moves more than MOST_MOVE in a step. It ends like LAMMPS's ``minimize 1e-4 1e-2 200 1000``.

Notation (of the paper): P = F v power, alpha the share of the force's direction in the new velocity.
"""

from __future__ import annotations

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


@np.errstate(over="ignore", invalid="ignore")  # what is no number is told by update
def minimise(variant: Variant, field: Field, atoms: Atoms, timestep: float) -> tuple[int, int]:
    """Move ``atoms`` downhill from forces that are up to date; return (number of updates, problem of ``update``).

    timestep: ps, of the dynamics. Velocities and cell stay as they are; the field holds the forces at the end.
    """
    n = len(atoms.x) // 4
    x, pull = atoms.x.reshape(n, 4), atoms.inverse_mass.reshape(n, 4) / MASS_SPEED_SQUARED
    forces = field.forces[: 4 * n].reshape(n, 4)
    v = np.zeros_like(x)
    dt, alpha, downhill, before = timestep, ALPHA, 0, np.inf
    for count in range(1, MOST_UPDATES + 1):
        f = np.where(pull > 0.0, forces, 0.0).astype(np.float64)
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
        energy, _, _, problem = update(variant, field, atoms.x, atoms.lengths, ENERGY if looks else FORCES)
        if problem != WELL:
            return count, problem
        if looks:
            if abs(energy - before) < ENERGY_TOLERANCE * abs(energy) or _norm(forces[:, :3]) < FORCE_TOLERANCE:
                return count, WELL
            before = energy
    return MOST_UPDATES, WELL


def _norm(rows: NDArray[np.floating]) -> float:
    return sqrt(float((rows.astype(np.float64) ** 2).sum()))
