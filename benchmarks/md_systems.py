"""The melts of the MD benchmark: potential, atoms, ensemble, and how a start configuration is made."""

from __future__ import annotations

from dataclasses import dataclass

from glasspot.composition import Composition, box_length
from glasspot.engine.base import Simulation
from glasspot.potential.io import load_potential
from glasspot.potential.model import Potential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.packing import random_packing

SILICA_DENSITY, SILICA_TEMPERATURE = 2.2, 3600.0  # g/cm3, K
GLASS_12B, GLASS_TEMPERATURE = "10.8 B2O3 63.8 SiO2 14.8 Na2O 10.6 CaO", 3000.0
GLASS_DENSITY = 2.3  # g/cm3 of the packing; the NPT finds its own
TIMESTEP = 0.001  # ps
# Of all forces of LAMMPS, against converged sums: a peer of like accuracy.
LARGEST_ERROR = 1e-4


@dataclass(frozen=True)
class Melt:
    """A liquid. kind: "nvt", or "npt" at 0 bar; temperature in K; density of the packing in g/cm3.

    largest_error: relative RMS force error that LAMMPS may have; None for any, the fastest setting counts.
    """

    name: str
    potential: Potential
    counts: dict[str, int]
    kind: str
    temperature: float
    density: float
    largest_error: float | None = None

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return sum(self.counts.values())

    def stage(self, steps: int) -> Stage:
        """Return the stage that is timed."""
        pressure = 0.0 if self.kind == "npt" else None
        return Stage(self.kind, steps * TIMESTEP, self.temperature, pressure)

    def making(self, quick: bool = False) -> Simulation:
        """Return the run that makes the melt: packing, minimise, gentle, hot, equilibrate; shorter with ``quick``."""
        hot, share = self.temperature + 2000.0, 0.2 if quick else 1.0
        stages = [
            Stage("minimise"),
            Stage("nvt", 0.3, hot, gentle=True),
            Stage("nvt", 1.0 * share, (hot, self.temperature)),
            Stage("nvt", 2.0 * share, self.temperature),
        ]
        if self.kind == "npt":
            stages.append(Stage("npt", 5.0 * share, self.temperature, 0.0))
        start = random_packing(self.counts, box_length(self.counts, self.density), seed=1)
        return Simulation(self.potential, start, Protocol("melt", tuple(stages), TIMESTEP), seed=1)


def silica(n_atoms: int, r_cut: float = 8.0, potential: str = "ML") -> Melt:
    """Return liquid silica: a set of the library with DSF (alpha 0.25 1/A), both parts cut at ``r_cut`` (A)."""
    units = n_atoms // 3
    values = load_potential(potential).to_dict()
    values["r_cut"] = values["coulomb"]["r_cut"] = r_cut
    return Melt(
        f"silica {potential} {r_cut:g} A, {3 * units} atoms",
        Potential.from_dict(values),
        {"Si": units, "O": 2 * units},
        "nvt",
        SILICA_TEMPERATURE,
        SILICA_DENSITY,
    )


def borosilicate(n_atoms: int) -> Melt:
    """Return the melt of glass 12B, set of Wang 2018: 11 A, PPPM with an accuracy of 1e-5."""
    potential = load_potential("Wang-2018")
    counts = Composition.parse(GLASS_12B).atom_counts(n_atoms, potential.charges).counts
    return Melt(
        f"borosilicate 12B 11 A, {n_atoms} atoms",
        potential,
        counts,
        "npt",
        GLASS_TEMPERATURE,
        GLASS_DENSITY,
        LARGEST_ERROR,
    )
