"""Gentle steps, for atoms that start badly placed: no atom moves far in a step, and friction takes up the heat.

As LAMMPS's ``fix nve/limit`` with ``fix langevin ... zero yes``, with the friction in its exact form: after each step
of velocity Verlet the velocities become c v + sqrt((1 - c^2) kT / m) R, with c = exp(-dt / damping) and R normal
numbers that carry no momentum. Stages of this kind are short, so they are written with numpy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glasspot.engine.native.field import ENERGY, FORCES, WELL, Field, update
from glasspot.engine.native.motion import Atoms, Coupling, Measured, along, complete
from glasspot.engine.native.variant import Variant
from glasspot.units import MASS_SPEED_SQUARED

LIMITED_MOVE = 0.05  # A a step; an oxygen at 6000 K moves 0.02 A in 1 fs
DAMPING = 0.05  # ps


@np.errstate(over="ignore", invalid="ignore")  # what is no number is told by update
def gentle_steps(
    variant: Variant,
    field: Field,
    atoms: Atoms,
    coupling: Coupling,
    rng: np.random.Generator,
    measured: Measured,
    step: int,
    n_steps: int,
) -> tuple[int, int]:
    """Make ``n_steps`` limited steps; the arguments and the answer are those of ``motion.run_steps``."""
    n = len(atoms.x) // 4
    x, v, pull = atoms.x.reshape(n, 4), atoms.v.reshape(n, 4), atoms.inverse_mass.reshape(n, 4) / MASS_SPEED_SQUARED
    forces = field.forces[: 4 * n].reshape(n, 4)
    kick, fastest = 0.5 * coupling.timestep, LIMITED_MOVE / coupling.timestep
    for last in range(step + 1, step + n_steps + 1):
        v += kick * pull * forces
        limit(v, fastest)
        x += coupling.timestep * v
        want = ENERGY if last == step + n_steps else FORCES
        energy, virial, long_range, problem = update(variant, field, atoms.x, atoms.lengths, want)
        if problem != WELL:
            return last, problem
        v += kick * pull * forces
        limit(v, fastest)
        _friction(v, atoms, along(coupling.k_t, last / coupling.total), coupling.timestep, rng)
    measured.kinetic[0] = complete(atoms.v, field.forces, atoms.inverse_mass, atoms.half_mass, 0.0)
    measured.energy[0], measured.virial[0], measured.long_range[0] = energy, virial, long_range
    return step + n_steps, WELL


def limit(v: NDArray[np.float64], fastest: float) -> None:
    """Shorten, in place, the velocities (n, 4) that are larger than ``fastest``."""
    v *= np.minimum(1.0, fastest / np.maximum(np.linalg.norm(v, axis=1), 1e-300))[:, None]


def _friction(v: NDArray[np.float64], atoms: Atoms, k_t: float, timestep: float, rng: np.random.Generator) -> None:
    keep = np.exp(-timestep / DAMPING)
    masses = 2.0 * atoms.half_mass.reshape(-1, 4)[:, :1]
    noise = np.sqrt((1.0 - keep * keep) * k_t / masses) * rng.standard_normal((len(v), 3))
    noise -= (masses * noise).sum(axis=0) / masses.sum()
    v *= keep
    v[:, :3] += noise
