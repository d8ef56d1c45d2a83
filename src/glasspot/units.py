"""One internal system of units, that of LAMMPS ``metal``: A, ps, eV, e, K, bar, g/mol. Conversion happens at the edges.

The Coulomb and Boltzmann constants are those compiled into LAMMPS ``units metal``, so that energies of the two codes
agree to all digits; they differ from CODATA 2018 by 3e-8 and 1e-6 (relative). So are the two of motion and pressure.
"""

from __future__ import annotations

from glasspot.errors import GlasspotError, did_you_mean

COULOMB_CONSTANT = 14.399645  # eV A / e^2
BOLTZMANN = 8.617343e-5  # eV / K
AVOGADRO = 6.02214076e23  # 1/mol
MASS_SPEED_SQUARED = 1.0364269e-4  # eV in 1 g/mol (A/ps)^2
BAR_PER_EV_A3 = 1.6021765e6  # bar in 1 eV/A^3
GPA_PER_EV_A3 = BAR_PER_EV_A3 * 1e-4  # GPa in 1 eV/A^3
BOHR = 0.529177211  # A (CODATA 2018)

# eV in one unit of each kind.
ENERGY_UNITS = {
    "eV": 1.0,
    "kcal/mol": 1.0 / 23.0605478,
    "kJ/mol": 1.0 / 96.485332,
    "K": BOLTZMANN,
    "Hartree": 27.211386,
}


def energy_factor(unit: str) -> float:
    """Return how many eV are in one ``unit``; GlasspotError for a unit that is not known."""
    if unit not in ENERGY_UNITS:
        known = ", ".join(ENERGY_UNITS)
        raise GlasspotError(f'unknown energy unit "{unit}"; expected one of {known}.{did_you_mean(unit, ENERGY_UNITS)}')
    return ENERGY_UNITS[unit]


def density_from_mass(mass: float, volume: float) -> float:
    """Return the density in g/cm3 of ``mass`` (g/mol, of all atoms) in ``volume`` (A^3)."""
    return mass / AVOGADRO / (volume * 1e-24)


def volume_from_density(mass: float, density: float) -> float:
    """Return the volume in A^3 that holds ``mass`` (g/mol, of all atoms) at ``density`` (g/cm3)."""
    return mass / AVOGADRO / density * 1e24
