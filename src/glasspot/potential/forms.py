"""Closed forms of the short-range pair interaction: energy V(r) and force F(r) = -dV/dr, in eV and eV/A, r in A.

Each form is a frozen dataclass of plain floats. ``form`` is its name in a potential file, ``energy_parameters`` are the
parameters that carry the unit of energy (they are converted when a file states kcal/mol, kJ/mol or K).

==================== ========================================== =========================================
form                 V(r)                                       source
==================== ========================================== =========================================
buckingham           A exp(-r/rho) - C/r^6                      Buckingham 1938, 10.1098/rspa.1938.0173
born-mayer-huggins   A exp((sigma - r)/rho) - C/r^6 + D/r^8     Fumi, Tosi 1964, 10.1016/0022-3697(64)90159-3
morse                D [(1 - exp(-a (r - r0)))^2 - 1]           Morse 1929, 10.1103/PhysRev.34.57
inverse-power        coefficient / r^n
==================== ========================================== =========================================

Born-Mayer-Huggins has the signs of LAMMPS ``pair_style born`` (+D/r^8).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from glasspot.errors import GlasspotError

FloatArray = npt.NDArray[np.float64]


class _Form:
    """What every form shares: the names of its numbers, in the order of its definition."""

    form: ClassVar[str]
    energy_parameters: ClassVar[tuple[str, ...]]

    @classmethod
    def parameters(cls) -> tuple[str, ...]:
        """Return the names of the numeric parameters."""
        return tuple(f.name for f in fields(cls) if f.name != "composition_rule")  # type: ignore[arg-type]


@dataclass(frozen=True)
class Buckingham(_Form):
    """A exp(-r/rho) - C/r^6 with A in eV, rho in A, C in eV A^6."""

    A: float
    rho: float
    C: float = 0.0
    form: ClassVar[str] = "buckingham"
    energy_parameters: ClassVar[tuple[str, ...]] = ("A", "C")

    def energy(self, r: FloatArray) -> FloatArray:
        """Return V(r) in eV."""
        return self.A * np.exp(-r / self.rho) - self.C / r**6

    def force(self, r: FloatArray) -> FloatArray:
        """Return -dV/dr in eV/A."""
        return self.A / self.rho * np.exp(-r / self.rho) - 6.0 * self.C / r**7


@dataclass(frozen=True)
class BornMayerHuggins(_Form):
    """A exp((sigma - r)/rho) - C/r^6 + D/r^8 with A in eV, rho and sigma in A, C in eV A^6, D in eV A^8."""

    A: float
    rho: float
    sigma: float
    C: float = 0.0
    D: float = 0.0
    form: ClassVar[str] = "born-mayer-huggins"
    energy_parameters: ClassVar[tuple[str, ...]] = ("A", "C", "D")

    def energy(self, r: FloatArray) -> FloatArray:
        """Return V(r) in eV."""
        return self.A * np.exp((self.sigma - r) / self.rho) - self.C / r**6 + self.D / r**8

    def force(self, r: FloatArray) -> FloatArray:
        """Return -dV/dr in eV/A."""
        return self.A / self.rho * np.exp((self.sigma - r) / self.rho) - 6.0 * self.C / r**7 + 8.0 * self.D / r**9


@dataclass(frozen=True)
class Morse(_Form):
    """D [(1 - exp(-a (r - r0)))^2 - 1] with D in eV, a in 1/A, r0 in A.

    With a ``composition_rule`` the depth D is set by :meth:`Potential.for_composition`; before that D is zero and
    asking for an energy is refused.
    """

    D: float
    a: float
    r0: float
    composition_rule: str | None = None
    form: ClassVar[str] = "morse"
    energy_parameters: ClassVar[tuple[str, ...]] = ("D",)

    def _require_depth(self) -> None:
        if self.composition_rule is not None and self.D == 0.0:
            raise GlasspotError(
                f'the Morse depth follows from the glass ("{self.composition_rule}") and no composition was given; '
                "call Potential.for_composition first."
            )

    def energy(self, r: FloatArray) -> FloatArray:
        """Return V(r) in eV; GlasspotError while the depth waits for a composition."""
        self._require_depth()
        decay = np.exp(-self.a * (r - self.r0))
        return self.D * decay * (decay - 2.0)

    def force(self, r: FloatArray) -> FloatArray:
        """Return -dV/dr in eV/A; GlasspotError while the depth waits for a composition."""
        self._require_depth()
        decay = np.exp(-self.a * (r - self.r0))
        return 2.0 * self.a * self.D * decay * (decay - 1.0)


@dataclass(frozen=True)
class InversePower(_Form):
    """coefficient / r^n with the coefficient in eV A^n."""

    coefficient: float
    n: float
    form: ClassVar[str] = "inverse-power"
    energy_parameters: ClassVar[tuple[str, ...]] = ("coefficient",)

    def energy(self, r: FloatArray) -> FloatArray:
        """Return V(r) in eV."""
        return self.coefficient * r**-self.n

    def force(self, r: FloatArray) -> FloatArray:
        """Return -dV/dr in eV/A."""
        return self.n * self.coefficient * r ** (-self.n - 1.0)


Term = Buckingham | BornMayerHuggins | Morse | InversePower

FORMS: dict[str, type[Buckingham] | type[BornMayerHuggins] | type[Morse] | type[InversePower]] = {
    form.form: form for form in (Buckingham, BornMayerHuggins, Morse, InversePower)
}


def smoothing(r: FloatArray, r_cut: float, width: float) -> tuple[FloatArray, FloatArray]:
    """Return G(r) = exp(-width^2/(r - r_cut)^2) and dG/dr: every derivative vanishes at r_cut.

    G multiplies an interaction so that it ends smoothly at ``r_cut`` (SHIK: Sundararaman, Huang, Ispas, Kob 2018,
    10.1063/1.5023707). It is zero from ``r_cut`` on, and one everywhere inside when ``width`` is zero.
    """
    if width == 0.0:
        return np.where(r <= r_cut, 1.0, 0.0), np.zeros_like(r)
    # 1e-3 of the width away from r_cut, G is exp(-1e6) = 0 already; the clip only keeps the division finite.
    gap = np.minimum(r - r_cut, -1e-3 * width)
    inside = r < r_cut
    g = np.where(inside, np.exp(-((width / gap) ** 2)), 0.0)
    return g, g * 2.0 * width**2 / gap**3
