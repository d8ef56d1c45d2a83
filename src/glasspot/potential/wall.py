"""The short-range wall: what closes the hole that a Buckingham term opens at small distances.

u is the bare energy of a pair (short range + real-space Coulomb), F = -du/dr. Going inward from the reference, F grows
to a maximum at r_w and then falls; where it falls below zero u has a maximum, the barrier, and atoms that cross it
fuse. Inside r_w the force is continued as

    F(r) = F(r_w) + k (r_w - r)^2,   k = max(100 eV/A^3, F(r_w)/(0.25 A)^2),

so the force doubles at the latest 0.25 A inside r_w. F'(r_w) = 0, so the force and its slope are continuous, and the
energy is the exact integral u(r_w) + F(r_w) (r_w - r) + k (r_w - r)^3/3. A pair whose force never falls by half
inside its maximum gets no wall. Between a fall by half and a fall to zero the wall is blended in, so that the energy
stays a continuous function of the parameters while a fit moves them; no published set of the library lies there.

The reference is the outermost minimum of u for charges of opposite sign, and 2.6 A (O-O in oxides) for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Protocol

import numpy as np
import numpy.typing as npt

from glasspot.errors import GlasspotError
from glasspot.potential.forms import FloatArray, Term

NON_BONDED_REFERENCE = 2.6  # A: near the first O-O distance of oxides
SOFTEST_WALL = 100.0  # eV/A^3
DOUBLING_DEPTH = 0.25  # A
BLEND_FROM = 0.5  # fall of the force, relative to its maximum, at which the wall begins to be blended in
INNERMOST, OUTERMOST, STEP = 0.3, 4.5, 0.005  # A: where maxima and minima of the force are looked for
DIFFERENCE = 1e-4  # A: half step of the central difference that gives F'


class Bare(Protocol):
    """What is asked of a potential: its bare energies and forces, and what its file says of walls."""

    @property
    def name(self) -> str:
        """Its name, for messages."""
        ...

    @property
    def wall(self) -> str:
        """ "auto", or "none" where it has none."""
        ...

    def terms(self, a: str, b: str) -> tuple[Term, ...]:
        """Return the short-range terms of a-b."""
        ...

    def charge(self, species: str) -> float:
        """Return a charge in e."""
        ...

    def bare_energy(self, a: str, b: str, r: npt.ArrayLike) -> FloatArray:
        """Return the energy of a-b in eV without the wall."""
        ...

    def bare_force(self, a: str, b: str, r: npt.ArrayLike) -> FloatArray:
        """Return the force of a-b in eV/A without the wall."""
        ...

    def pair_wall(self, a: str, b: str) -> Wall | None:
        """Return the wall of a-b, found once."""
        ...


@dataclass(frozen=True)
class Wall:
    """The wall of one pair: distances in A, energies in eV, forces in eV/A.

    ``barrier_eV`` is the bare u(r_barrier) - u(reference); it is infinite, and ``r_barrier`` zero, for a pair whose
    force falls but stays repulsive.
    """

    r_wall: float
    barrier_eV: float
    r_barrier: float
    energy_at_wall: float
    force_at_wall: float
    stiffness: float
    weight: float = 1.0

    def apply_to_energy(self, r: FloatArray, bare: FloatArray) -> FloatArray:
        """Return ``bare`` (eV, at distances ``r``) with the wall in place of it inside r_wall."""
        depth = self.r_wall - r
        wall = self.energy_at_wall + self.force_at_wall * depth + self.stiffness * depth**3 / 3.0
        return self._inside(r, bare, wall)

    def apply_to_force(self, r: FloatArray, bare: FloatArray) -> FloatArray:
        """Return ``bare`` (eV/A, at distances ``r``) with the wall in place of it inside r_wall."""
        return self._inside(r, bare, self.force_at_wall + self.stiffness * (self.r_wall - r) ** 2)

    def _inside(self, r: FloatArray, bare: FloatArray, wall: FloatArray) -> FloatArray:
        mixed = wall if self.weight == 1.0 else bare + self.weight * (wall - bare)
        return np.where(r < self.r_wall, mixed, bare)


@dataclass(frozen=True)
class _Scan:
    """The bare force of a pair on a grid, and the index of the reference distance (None: attractive everywhere)."""

    r: FloatArray
    force: FloatArray
    reference: int | None


def find_wall(potential: Bare, a: str, b: str) -> Wall | None:
    """Return the wall of the pair a-b; None where the bare force needs none (or the pair has no repulsion at all)."""
    if not potential.terms(a, b):
        return None
    scan = _scan(potential, a, b)
    if scan.reference is None:
        return None
    found = _first_fall(scan)
    if found is None:
        return None
    top, bottom, fall = found
    r_wall = _stationary_point(potential, a, b, scan.r[top - 1], scan.r[top + 1])
    at_wall = np.array([r_wall])
    force = float(potential.bare_force(a, b, at_wall)[0])
    r_barrier, barrier = _barrier(potential, a, b, scan, top, bottom)
    ramp = min(max((fall - BLEND_FROM) / (1.0 - BLEND_FROM), 0.0), 1.0)
    return Wall(
        r_wall=r_wall,
        barrier_eV=barrier,
        r_barrier=r_barrier,
        energy_at_wall=float(potential.bare_energy(a, b, at_wall)[0]),
        force_at_wall=force,
        stiffness=max(SOFTEST_WALL, force / DOUBLING_DEPTH**2),
        weight=ramp * ramp * (3.0 - 2.0 * ramp),
    )


def barrier(potential: Bare, a: str, b: str) -> float:
    """Return the bare barrier of a-b in eV above the reference.

    Infinite for a pair that is repulsive all the way in; zero for one that is attractive all the way in.
    """
    wall = potential.pair_wall(a, b) if potential.wall != "none" else find_wall(potential, a, b)
    if wall is not None:
        return wall.barrier_eV
    scan = _scan(potential, a, b)
    if scan.reference is None:
        return 0.0
    return inf if float(scan.force[: scan.reference].min()) > 0.0 else 0.0


def reference_distance(potential: Bare, a: str, b: str) -> float | None:
    """Return the first-neighbour reference of a-b in A; None for a pair that is attractive all the way in."""
    scan = _scan(potential, a, b)
    if scan.reference is None:
        return None
    if scan.force[scan.reference] > 0.0 >= scan.force[scan.reference + 1]:
        return _root(potential, a, b, scan.r[scan.reference], scan.r[scan.reference + 1])
    return float(scan.r[scan.reference])


def _scan(potential: Bare, a: str, b: str) -> _Scan:
    r = np.arange(INNERMOST, OUTERMOST, STEP)
    force = potential.bare_force(a, b, r)
    non_bonded = round((NON_BONDED_REFERENCE - INNERMOST) / STEP)
    if potential.charge(a) * potential.charge(b) > 0.0:
        return _Scan(r, force, non_bonded)
    minima = np.flatnonzero((force[:-1] > 0.0) & (force[1:] <= 0.0))
    if minima.size:
        return _Scan(r, force, int(minima[-1]))
    return _Scan(r, force, non_bonded if force[non_bonded] > 0.0 else None)


def _first_fall(scan: _Scan) -> tuple[int, int, float] | None:
    """Return the grid indices of the force's maximum and of the minimum inside it, and the relative fall between them.

    The search starts at the reference (or at the maximum outside it, when the force already falls there) and goes in.
    """
    force = scan.force
    top = scan.reference or 0
    while top + 1 < force.size and force[top + 1] > force[top]:
        top += 1
    if top + 1 == force.size:
        return None  # attractive as far as the grid goes: nothing to continue
    while True:
        while top > 1 and force[top - 1] >= force[top]:
            top -= 1
        if top <= 1 or force[top] <= 0.0:
            return None
        bottom = top
        while bottom > 0 and force[bottom - 1] < force[bottom]:
            bottom -= 1
        fall = (force[top] - force[bottom]) / force[top]
        if fall > BLEND_FROM:
            return top, bottom, float(fall)
        if bottom == 0:
            return None
        top = bottom


def _stationary_point(potential: Bare, a: str, b: str, low: float, high: float) -> float:
    """Return where F' vanishes between ``low`` and ``high`` (A)."""
    from scipy.optimize import brentq

    def slope(r: float) -> float:
        before, after = potential.bare_force(a, b, np.array([r - DIFFERENCE, r + DIFFERENCE]))
        return float(after - before)

    # The grid brackets the maximum; a neighbour may be the maximum itself to rounding, hence the wider bracket.
    try:
        return float(brentq(slope, low - 0.5 * STEP, high + 0.5 * STEP, xtol=1e-10))
    except ValueError:  # no change of sign, or no number
        raise GlasspotError(
            f"{potential.name}: the force of {a}-{b} near {low:.3g} A changes faster than any potential's; are its "
            "numbers and their unit right?"
        ) from None


def _barrier(potential: Bare, a: str, b: str, scan: _Scan, top: int, bottom: int) -> tuple[float, float]:
    """Return (r_barrier, barrier) where the force falls through zero between ``bottom`` and ``top``, else (0, inf)."""
    if scan.force[bottom] > 0.0:
        return 0.0, inf
    between = np.flatnonzero(scan.force[bottom : top + 1] <= 0.0)
    low = bottom + int(between[-1])
    r_barrier = _root(potential, a, b, scan.r[low], scan.r[low + 1])
    reference = float(scan.r[scan.reference or 0])
    high, base = potential.bare_energy(a, b, np.array([r_barrier, reference]))
    return r_barrier, float(high - base)


def _root(potential: Bare, a: str, b: str, low: float, high: float) -> float:
    """Return where the bare force of a-b vanishes between ``low`` and ``high`` (A)."""
    from scipy.optimize import brentq

    return float(brentq(lambda r: float(potential.bare_force(a, b, np.array([r]))[0]), low, high, xtol=1e-10))
