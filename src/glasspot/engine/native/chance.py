"""Random numbers of a run: each block of steps has its own generator, named by seed, stage and first step.

So nothing depends on what was drawn before: a run that goes on from a saved state draws what it would have drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glasspot.units import BOLTZMANN, MASS_SPEED_SQUARED

VELOCITIES, STEPS = 0, 1  # what random numbers are for


def generator(seed: int, stage: int, purpose: int, step: int = 0) -> np.random.Generator:
    """Return the generator of the velocities that a stage begins with, or of the block that begins at ``step``."""
    return np.random.default_rng([seed, stage, purpose, step])


def coupling_noise(rng: np.random.Generator, n_rows: int, dof: int) -> NDArray[np.float64]:
    """Return (n_rows, 3): a normal number and a chi-square one of dof - 1 for the thermostat, and one for the barostat.

    That of the barostat is the mean of two normal numbers, one of them shared with the row before, one with the next.
    """
    normal = rng.standard_normal(n_rows)
    chi_square = 2.0 * rng.standard_gamma(0.5 * (dof - 1), n_rows)
    shared = rng.standard_normal(n_rows + 1)
    return np.stack([normal, chi_square, 0.5 * (shared[:-1] + shared[1:])], axis=1)


def maxwell_velocities(
    rng: np.random.Generator, masses: NDArray[np.float64], temperature: float
) -> NDArray[np.float64]:
    """Return (n, 3) velocities in A/ps with no total momentum and exactly ``temperature`` (K), as LAMMPS makes them.

    masses: (n,) in g/mol. The degrees of freedom are 3 n - 3; a single atom stays at rest.
    """
    if len(masses) < 2:
        return np.zeros((len(masses), 3))
    column = masses[:, None]
    v = rng.standard_normal((len(masses), 3)) / np.sqrt(column)
    v -= (column * v).sum(axis=0) / masses.sum()
    twice_kinetic = MASS_SPEED_SQUARED * float((column * v * v).sum())
    return np.asarray(v * np.sqrt((3 * len(masses) - 3) * BOLTZMANN * temperature / twice_kinetic))
