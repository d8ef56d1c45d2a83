"""The glass of a [[system]] as it is simulated: whole atom counts in a cubic box."""

from __future__ import annotations

from dataclasses import dataclass

from glasspot.composition import AtomCounts, Composition, box_length, start_box
from glasspot.errors import GlasspotError
from glasspot.potential.model import Potential
from glasspot.system_table import SystemTable
from glasspot.units import density_from_mass


@dataclass(frozen=True)
class Glass:
    """The glass as it is simulated: whole atom counts, and the composition that they make exactly."""

    composition: Composition
    counts: dict[str, int]
    cell_length: float  # A

    @property
    def volume(self) -> float:
        """Volume of the cube, A^3."""
        return self.cell_length**3

    def fill_in(self, potential: Potential) -> Potential:
        """Return the potential with what it takes from the composition, such as a balanced charge.

        GlasspotError for a potential that does not know all species.
        """
        unknown = [species for species in self.counts if species not in potential.elements]
        if unknown:
            raise GlasspotError(
                f"the potential {potential.name} does not know {', '.join(unknown)}, of which the system is made; it "
                f"knows {', '.join(potential.elements)}"
            )
        return potential.for_composition(self.composition, self.counts)


def glass_of(system: SystemTable, start: Potential, notes: list[str]) -> Glass:
    """Return the glass of a table; ``notes`` gets what was decided for the user on the way."""
    composition = Composition.parse(system.composition, system.basis)
    atoms = composition.atom_counts(system.atoms, start.counting_charges)
    length, density_note = _cell_length(system, atoms)
    notes += [composition.note, atoms.note, density_note]
    return Glass(atoms.composition, dict(atoms.counts), length)


def _cell_length(system: SystemTable, atoms: AtomCounts) -> tuple[float, str]:
    """Return the edge of the cube in A, and a note where its density had to be estimated."""
    if system.box is not None:
        density = density_from_mass(atoms.mass, system.box**3)
        if not 0.01 < density < 30:
            raise GlasspotError(
                f"system.box {system.box:g} A holds {atoms.n_atoms} atoms at {density:.3g} g/cm3; expected the "
                f"edge of the cube in A, such as {box_length(atoms.counts, 2.2):.2f} for 2.2 g/cm3"
            )
        return system.box, ""
    return start_box(atoms, system.density)
