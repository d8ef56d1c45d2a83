"""Electrostatics between point charges: the part that belongs in a pair table, in eV and eV/A.

Each style gives ``energy(qq, r)`` and ``force(qq, r)`` for a product of charges ``qq`` (e^2) and distances ``r`` (A).
All three vanish beyond ``r_cut``; only :class:`PPPM` leaves a reciprocal-space part to the engine.

Sources: Fennell, Gezelter 2006, 10.1063/1.2206581 (DSF); Sundararaman et al. 2018, 10.1063/1.5023707 (SHIK's Wolf sum
with a smoothing function); Kolafa, Perram 1992, 10.1080/08927029208049126 (error of the real-space sum).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, exp, log, pi, sqrt
from typing import ClassVar

import numpy as np
from scipy.special import erfc as erfc_array

from glasspot.potential.forms import FloatArray, smoothing
from glasspot.units import COULOMB_CONSTANT

TWO_OVER_SQRT_PI = 2.0 / sqrt(pi)


def _screened(r: FloatArray, alpha: float) -> tuple[FloatArray, FloatArray]:
    """Return erfc(alpha r)/r and minus its derivative."""
    if alpha == 0.0:
        return 1.0 / r, 1.0 / r**2
    value = erfc_array(alpha * r) / r
    return value, value / r + TWO_OVER_SQRT_PI * alpha * np.exp(-((alpha * r) ** 2)) / r


def _screened_at(r: float, alpha: float) -> tuple[float, float]:
    """The same at one distance, in plain floats."""
    value = erfc(alpha * r) / r
    return value, value / r + TWO_OVER_SQRT_PI * alpha * exp(-((alpha * r) ** 2)) / r


def _shifted_force(r: FloatArray, alpha: float, r_cut: float) -> tuple[FloatArray, FloatArray]:
    """Return erfc(alpha r)/r shifted so that energy and force are zero at ``r_cut``, and its force."""
    value, slope = _screened(r, alpha)
    value_cut, slope_cut = _screened_at(r_cut, alpha)
    return value - value_cut + slope_cut * (r - r_cut), slope - slope_cut


@dataclass(frozen=True)
class DSF:
    """Damped, shifted-force electrostatics, as LAMMPS ``coul/dsf``: alpha in 1/A, r_cut in A."""

    alpha: float
    r_cut: float
    style: ClassVar[str] = "dsf"

    def energy(self, qq: float, r: FloatArray) -> FloatArray:
        """Return the energy of a pair in eV."""
        return np.where(r <= self.r_cut, COULOMB_CONSTANT * qq * _shifted_force(r, self.alpha, self.r_cut)[0], 0.0)

    def force(self, qq: float, r: FloatArray) -> FloatArray:
        """Return minus the derivative of the energy, in eV/A."""
        return np.where(r <= self.r_cut, COULOMB_CONSTANT * qq * _shifted_force(r, self.alpha, self.r_cut)[1], 0.0)

    def self_energy(self, q: float) -> float:
        """Return the constant that LAMMPS ``coul/dsf`` adds for each atom of charge ``q``, in eV.

        It moves no atom at fixed charges, so tables leave it out; add it to compare total energies with LAMMPS.
        """
        value_cut, slope_cut = _screened_at(self.r_cut, self.alpha)
        shift = value_cut + slope_cut * self.r_cut
        return -(0.5 * shift + self.alpha / sqrt(pi)) * COULOMB_CONSTANT * q * q


@dataclass(frozen=True)
class Wolf:
    """Shifted-force Wolf sum times a smoothing function: SHIK's electrostatics when alpha is zero.

    V = k q q' [erfc(alpha r)/r, shifted in energy and force to zero at r_cut] G(r), with G of
    :func:`glasspot.potential.forms.smoothing`; r_cut and smooth_width in A, alpha in 1/A.
    """

    r_cut: float
    smooth_width: float = 0.2
    alpha: float = 0.0
    style: ClassVar[str] = "wolf"

    def energy(self, qq: float, r: FloatArray) -> FloatArray:
        """Return the energy of a pair in eV."""
        g, _ = smoothing(r, self.r_cut, self.smooth_width)
        return COULOMB_CONSTANT * qq * _shifted_force(r, self.alpha, self.r_cut)[0] * g

    def force(self, qq: float, r: FloatArray) -> FloatArray:
        """Return minus the derivative of the energy, in eV/A."""
        g, slope_g = smoothing(r, self.r_cut, self.smooth_width)
        value, force = _shifted_force(r, self.alpha, self.r_cut)
        return COULOMB_CONSTANT * qq * (force * g - value * slope_g)

    def self_energy(self, q: float) -> float:
        """Return zero: the authors' code adds no self term."""
        return 0.0


@dataclass(frozen=True)
class PPPM:
    """Full Ewald electrostatics; here the real-space part, erfc(g_ewald r)/r inside r_cut.

    ``accuracy`` is LAMMPS's relative accuracy: the RMS force error in units of the force between two unit charges 1 A
    apart. The reciprocal part is the engine's (``kspace_style pppm`` with ``kspace_modify gewald``).
    """

    r_cut: float
    accuracy: float = 1e-5
    style: ClassVar[str] = "pppm"

    @property
    def g_ewald(self) -> float:
        """The splitting parameter in 1/A: exp(-(g_ewald r_cut)^2) = accuracy.

        The real-space error (Kolafa, Perram) relative to two unit charges at 1 A is 2 <q^2> sqrt(n/r_cut)
        exp(-(g_ewald r_cut)^2) with n the number density; 2 <q^2> sqrt(n/r_cut) is below one for every oxide glass
        (0.6 for BKS silica at 8 A), so the asked accuracy is met with room to spare, whatever the number of atoms.
        """
        return sqrt(-log(self.accuracy)) / self.r_cut

    def energy(self, qq: float, r: FloatArray) -> FloatArray:
        """Return the real-space energy of a pair in eV."""
        return np.where(r <= self.r_cut, COULOMB_CONSTANT * qq * _screened(r, self.g_ewald)[0], 0.0)

    def force(self, qq: float, r: FloatArray) -> FloatArray:
        """Return minus the derivative of the real-space energy, in eV/A."""
        return np.where(r <= self.r_cut, COULOMB_CONSTANT * qq * _screened(r, self.g_ewald)[1], 0.0)

    def self_energy(self, q: float) -> float:
        """Return the Ewald self energy of an atom of charge ``q``, in eV (LAMMPS counts it in the k-space energy)."""
        return -COULOMB_CONSTANT * self.g_ewald / sqrt(pi) * q * q


Coulomb = DSF | Wolf | PPPM

STYLES: dict[str, type[DSF] | type[Wolf] | type[PPPM]] = {style.style: style for style in (DSF, Wolf, PPPM)}
