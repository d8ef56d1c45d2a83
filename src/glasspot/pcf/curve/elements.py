"""Elements by what they are as ions in an oxide glass: size, valence, electronegativity; which one is like which.

Radii: R. D. Shannon, Acta Cryst. A 32 (1976) 751, of the coordination that the cation usually has in an oxide glass
(high spin where there is a choice). Electronegativities: Pauling's scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glasspot.errors import GlasspotError
from glasspot.oxides import Oxide, parse_component

RADIUS_OF_OXYGEN = 1.36  # A, three-fold; the two-fold one of a network is 1.35
# What makes two cations differ by one: distance to oxygen (A), valence, electronegativity.
SCALES = (0.25, 1.0, 0.5)

# element and valence: (ionic radius in A, electronegativity)
IONS = {
    "Li1": (0.59, 0.98), "Na1": (1.02, 0.93), "K1": (1.51, 0.82), "Rb1": (1.61, 0.82), "Cs1": (1.74, 0.79),
    "Cu1": (0.60, 1.90), "Ag1": (1.00, 1.93), "Be2": (0.27, 1.57), "Mg2": (0.57, 1.31), "Ca2": (1.00, 1.00),
    "Sr2": (1.18, 0.95), "Ba2": (1.42, 0.89), "Zn2": (0.60, 1.65), "Cd2": (0.95, 1.69), "Fe2": (0.63, 1.83),
    "Mn2": (0.66, 1.55), "Co2": (0.58, 1.88), "Ni2": (0.55, 1.91), "Pb2": (1.19, 1.87), "B3": (0.11, 2.04),
    "Al3": (0.39, 1.61), "Ga3": (0.47, 1.81), "In3": (0.80, 1.78), "Fe3": (0.49, 1.83), "Cr3": (0.615, 1.66),
    "Sc3": (0.745, 1.36), "Y3": (0.90, 1.22), "La3": (1.032, 1.10), "Ce3": (1.01, 1.12), "Nd3": (0.983, 1.14),
    "Gd3": (0.938, 1.20), "Er3": (0.89, 1.24), "As3": (0.58, 2.18), "Sb3": (0.76, 2.05), "Bi3": (1.03, 2.02),
    "Si4": (0.26, 1.90), "Ge4": (0.39, 2.01), "Ti4": (0.51, 1.54), "Zr4": (0.72, 1.33), "Hf4": (0.71, 1.30),
    "Ce4": (0.87, 1.12), "Sn4": (0.69, 1.96), "Te4": (0.66, 2.10), "V4": (0.53, 1.63), "P5": (0.17, 2.19),
    "V5": (0.355, 1.63), "Nb5": (0.64, 1.60), "Ta5": (0.64, 1.50), "Sb5": (0.60, 2.05), "Mo6": (0.41, 2.16),
    "W6": (0.42, 2.36),
}  # fmt: skip
FORMERS = ("B3", "Si4", "Ge4", "P5")


@dataclass(frozen=True)
class Ion:
    """A cation: ``radius`` in A; ``valence`` in e; ``electronegativity`` on Pauling's scale."""

    name: str
    radius: float
    valence: int
    electronegativity: float

    @property
    def to_oxygen(self) -> float:
        """Sum of the radii of the cation and of oxygen, A."""
        return self.radius + RADIUS_OF_OXYGEN

    @property
    def field_strength(self) -> float:
        """Dietzel's valence over the squared distance to oxygen, e/A^2."""
        return self.valence / self.to_oxygen**2

    @property
    def is_former(self) -> bool:
        return self.name in FORMERS


def has_ion(formula: str) -> bool:
    """Tell whether the cation of a formula is tabulated: never for what is no oxide."""
    part = parse_component(formula)
    return isinstance(part, Oxide) and _name(part) in IONS


def ion_of(formula: str) -> Ion:
    """Return the cation of an oxide; GlasspotError, with those that are known, where it is not tabulated."""
    part = parse_component(formula)
    if not isinstance(part, Oxide) or _name(part) not in IONS:
        known = ", ".join(name[:-1] + {"1": "+"}.get(name[-1], name[-1] + "+") for name in IONS)
        raise GlasspotError(
            f"{formula} is not in the data of this model, and its cation is not in the table of ions, so that nothing "
            f"can stand in for it; the table has {known}. Add glasses with {formula} to the data."
        )
    name = _name(part)
    radius, electronegativity = IONS[name]
    return Ion(name, radius, int(name[-1]), electronegativity)


def likeness(a: Ion, b: Ion) -> float:
    """Return how like two cations are: 1 for the same, exp(-d^2 / 2) for others, d their distance in ``SCALES``."""
    apart = np.array([a.to_oxygen - b.to_oxygen, a.valence - b.valence, a.electronegativity - b.electronegativity])
    return float(np.exp(-0.5 * np.sum((apart / SCALES) ** 2)))


def _name(oxide: Oxide) -> str:
    valence, rest = divmod(2 * oxide.oxygens, oxide.cations)
    return f"{oxide.element}{valence}" if rest == 0 else f"{oxide.element}?"
