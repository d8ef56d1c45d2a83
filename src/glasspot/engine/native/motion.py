"""The compiled loop of steps: velocity Verlet, with a thermostat and a barostat that act every few steps.

One call makes many steps; Python is met again only where a line of the record is due. The order within a step:

    couple     where one is due (step divisible by ``every``): velocities rescaled; strain of the cell chosen
    move       v += kick F / m;  x = s x + (s + 1/s)/2 dt v;  v = v / s;  lengths = s lengths,  s = exp(strain / 3)
    update     forces at the new positions; the virial where the next step couples
    complete   v += (dt/2) F / m and the kinetic energy, where the next step couples or the call ends

``kick`` is dt/2 after a completed step and dt otherwise: the two half steps of velocity Verlet in one pass over memory.
Swope et al., J. Chem. Phys. 76 (1982) 637, 10.1063/1.442716; the thermostat and the barostat name their own sources.

Arrays are flat, four numbers an atom, the fourth 0 (in ``inverse_mass`` and ``half_mass`` too, so it stays 0).
"""

from __future__ import annotations

from math import exp
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from glasspot.engine.native.barostat import strain
from glasspot.engine.native.field import ENERGY, FORCES, VIRIAL, WELL, is_tight, update
from glasspot.engine.native.thermostat import rescaling
from glasspot.units import MASS_SPEED_SQUARED


class Atoms(NamedTuple):
    """The arrays that move: x in A, v in A/ps, mol/g, half_mass (m/2) in eV (ps/A)^2, lengths (3,) in A."""

    x: NDArray[np.float64]
    v: NDArray[np.float64]
    inverse_mass: NDArray[np.float64]
    half_mass: NDArray[np.float64]
    lengths: NDArray[np.float64]


class Coupling(NamedTuple):
    """How one stage is integrated. Steps are counted from its start; ramps are linear over its ``total`` steps.

    timestep and interval (between two couplings) in ps, k_t (start, end) in eV, pressure (start, end) in eV/A^3,
    decay: exp(-interval / thermostat's time), mobility of the barostat in A^3/(eV ps).
    """

    thermostat: bool
    barostat: bool
    timestep: float
    every: int
    total: int
    dof: int
    interval: float
    k_t: tuple[float, float]
    pressure: tuple[float, float]
    decay: float
    mobility: float


class Measured(NamedTuple):
    """What is known of the last completed step, each (1,): energies and virial in eV.

    heat: what the thermostat has put in since the stage began, so that kinetic + energy - heat is conserved in NVT.
    """

    kinetic: NDArray[np.float64]
    energy: NDArray[np.float64]
    virial: NDArray[np.float64]
    long_range: NDArray[np.float64]
    heat: NDArray[np.float64]


def nothing_measured() -> Measured:
    """Return zeros."""
    return Measured(*(np.zeros(1) for _ in Measured._fields))


@njit(cache=True, error_model="numpy", fastmath=True)
def move(x, v, forces, inverse_mass, kick, timestep, scale):  # type: ignore[no-untyped-def]
    """Kick the velocities and move the atoms, in a cell that grows by ``scale`` in the middle of the move."""
    drift = 0.5 * (scale + 1.0 / scale) * timestep
    slower = 1.0 / scale
    for k in range(len(x)):
        w = v[k] + kick * forces[k] * inverse_mass[k]
        x[k] = scale * x[k] + drift * w
        v[k] = slower * w


@njit(cache=True, error_model="numpy", fastmath=True)
def complete(v, forces, inverse_mass, half_mass, kick):  # type: ignore[no-untyped-def]
    """Kick the velocities to the time of the positions; return the kinetic energy in eV."""
    kinetic = 0.0
    for k in range(len(v)):
        w = v[k] + kick * forces[k] * inverse_mass[k]
        v[k] = w
        kinetic += half_mass[k] * w * w
    return kinetic


@njit(cache=True, error_model="numpy", fastmath=True)
def multiply(values, factor):  # type: ignore[no-untyped-def]
    """Multiply every number in place."""
    for k in range(len(values)):
        values[k] *= factor


@njit(cache=True, error_model="numpy")
def along(ends, fraction):  # type: ignore[no-untyped-def]
    """Return the value of a linear ramp."""
    return ends[0] + (ends[1] - ends[0]) * fraction


@njit(cache=True, error_model="numpy", nogil=True)
def run_steps(variant, field, atoms, coupling, noise, measured, first_coupling, step, n_steps):  # type: ignore[no-untyped-def]
    """Make ``n_steps`` steps from ``step`` on, a completed one; return (step reached, problem of ``update``).

    Fewer where the cell becomes tight (``field.is_tight``): the last step is the one that made it so.

    noise: rows of chance.coupling_noise; the coupling at step s takes row s / every - first_coupling. ``field`` must
    hold the forces of ``atoms``, and ``measured`` their kinetic energy and virial; it comes back with everything
    known of the last step. After a problem the state is that of the step that broke, not completed.
    """
    half = 0.5 * coupling.timestep / MASS_SPEED_SQUARED
    last = step + n_steps
    completed = True
    while step < last:
        stretch = 0.0
        if coupling.thermostat and step % coupling.every == 0:
            stretch = _couple(variant, atoms, coupling, noise[step // coupling.every - first_coupling], measured, step)
        scale = exp(stretch / 3.0)
        move(atoms.x, atoms.v, field.forces, atoms.inverse_mass, half if completed else 2.0 * half,
             coupling.timestep, scale)  # fmt: skip
        multiply(atoms.lengths, scale)
        step += 1
        if stretch < 0.0 and is_tight(atoms.lengths, field.shifts, field.r_max):
            last = step
        completed = step == last or (coupling.thermostat and step % coupling.every == 0)
        want = ENERGY if step == last else VIRIAL if completed and coupling.barostat else FORCES
        energy, virial, long_range, problem = update(variant, field, atoms.x, atoms.lengths, want)
        if problem != WELL:
            return step, problem
        if completed:
            measured.kinetic[0] = complete(atoms.v, field.forces, atoms.inverse_mass, atoms.half_mass, half)
            measured.energy[0], measured.virial[0], measured.long_range[0] = energy, virial, long_range
    return step, WELL


@njit(cache=True, error_model="numpy")
def _couple(variant, atoms, coupling, noise, measured, step):  # type: ignore[no-untyped-def]
    """Let the thermostat act; return the change of ln V that the barostat chooses (0 without one).

    variant: of no use here but for its stamp, as the thermostat and the barostat stand in other files.
    """
    fraction = step / coupling.total
    k_t = along(coupling.k_t, fraction)
    factor = rescaling(measured.kinetic[0], k_t, coupling.dof, coupling.decay, noise[0], noise[1])
    multiply(atoms.v, np.sqrt(factor))
    measured.heat[0] += (factor - 1.0) * measured.kinetic[0]
    measured.kinetic[0] *= factor
    if not coupling.barostat:
        return 0.0
    volume = atoms.lengths[0] * atoms.lengths[1] * atoms.lengths[2]
    pressure = (2.0 * measured.kinetic[0] + measured.virial[0]) / (3.0 * volume)
    return strain(pressure, along(coupling.pressure, fraction), volume, k_t, coupling.mobility, coupling.interval,
                  noise[2])  # fmt: skip


def remove_drift(atoms: Atoms) -> None:
    """Take the velocity of the centre of mass away.

    Pair forces are summed in single precision and a mesh conserves momentum to its accuracy only, so a little of it
    grows; it is no heat, and the degrees of freedom do not count it.
    """
    v = atoms.v.reshape(-1, 4)
    masses = atoms.half_mass.reshape(-1, 4)[:, :1]
    # Summed by numpy itself here and everywhere in a run: the order of a sum by BLAS depends on its threads.
    v[:, :3] -= (masses * v[:, :3]).sum(axis=0) / masses.sum()
