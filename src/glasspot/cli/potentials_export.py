"""``glasspot potentials export``: a published set as files that LAMMPS or ASE run as they are."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from glasspot.cli.potentials_learned import export_learned
from glasspot.errors import GlasspotError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glasspot.composition import AtomCounts
    from glasspot.potential.model import Potential

VERDICT = {
    "yes": "verified by simulation",
    "partly": "PARTLY VERIFIED: see the cautions before you trust an element or a glass",
    "no": "NOT VERIFIED: no simulation made for glasspot has confirmed this set; check it before you use it",
}
MOST_SPECIES = 6  # more in one export make tables of tens of megabytes: the user says which
MOST_ATOMS = 30_000  # of in.example
EXAMPLE = """\
# Try the potential: {n_atoms} atoms of {glass} (mol%) at {density:.2f} g/cm3, a random packing, then 0.1 ps at 300 K.
# Run with: lmp -in in.example
units metal
atom_style charge
read_data start.data
include potential.include
minimize 1.0e-4 1.0e-2 200 1000
velocity all create 300.0 4928 mom yes
fix motion all nvt temp 300.0 300.0 0.1
timestep 0.001
thermo 20
run 100
"""


def export(args: argparse.Namespace) -> None:
    """Write the files that ``args`` ask for, and say what they are.

    GlasspotError for a set that waits for a composition, that ASE cannot run, or for species that do not fit it.
    """
    from glasspot.composition import has_density_estimate
    from glasspot.potential.io import load_any
    from glasspot.potential.learned import LearnedPotential
    from glasspot.report.export import write_potential_files

    if not 1 <= args.atoms <= MOST_ATOMS:
        raise GlasspotError(f"--atoms takes 1 to {MOST_ATOMS}; given {args.atoms}.")
    learned = load_any(args.name)
    if isinstance(learned, LearnedPotential):
        export_learned(learned, args)
        return
    potential, counts = _load(args.name, args.composition, args.atoms)
    species = _species(potential, args.elements, counts)
    _require_complete(potential, species)
    if args.format == "ase" and potential.three_body:
        raise GlasspotError(
            f"{potential.name} has three-body terms, which the ASE calculator does not have; its two-body part alone "
            "would mislead. Use --format lammps."
        )
    folder: Path = args.out or Path(f"{potential.name}-{args.format}")
    files = write_potential_files(potential, species, folder, [args.format])
    if (
        args.format == "lammps"
        and counts is not None
        and set(counts.counts) == set(species)
        and has_density_estimate(counts.asked)  # without one there is no box for the example
    ):
        files += _write_example(potential, species, counts, folder)
    if potential.verified != "yes":
        print(f"glasspot: warning: {potential.name} is {VERDICT[potential.verified]}.", file=sys.stderr)
    if args.json:
        found = {"name": potential.name, "format": args.format, "folder": str(folder), "species": list(species)}
        found |= {"files": sorted(file.name for file in files), "verified": potential.verified}
        print(json.dumps(found, indent=2))
        return
    for file in sorted(files):
        print(file)
    if args.format == "lammps":
        print("atom types: " + ", ".join(f"{k} {name}" for k, name in enumerate(species, start=1)))
        print("in your script (units metal, atom_style charge), after the box exists: include potential.include")
    else:
        print("in Python: from ase_calculator import calculator; atoms.calc = calculator()")


def _load(name: str, text: str | None, n_atoms: int) -> tuple[Potential, AtomCounts | None]:
    """Return the potential and whole counts of its glass: the one asked for, or the only oxide the set has."""
    from glasspot.composition import Composition
    from glasspot.potential.io import load_potential

    potential = load_potential(name)
    if text is None:
        oxide = _only_oxide(potential)
        if oxide is None:
            return potential, None
        text = oxide
    composition = Composition.parse(text)
    counts = composition.atom_counts(n_atoms, potential.counting_charges)
    return potential.for_composition(composition, counts.counts), counts


def _only_oxide(potential: Potential) -> str | None:
    """Return the formula of the oxide of a set with one cation and oxygen, else None."""
    from glasspot.oxides import COMMON_OXIDES, parse_oxide

    cations = [name for name in potential.elements if name != "O"]
    if len(cations) != 1 or "O" not in potential.elements:
        return None
    return next((formula for formula in COMMON_OXIDES if parse_oxide(formula).element == cations[0]), None)


def _species(potential: Potential, asked: str | None, counts: AtomCounts | None) -> tuple[str, ...]:
    """Return the atom types: as asked, those of the glass, or all of a small set."""
    from glasspot.structure.frames import species_order

    if asked is not None:
        names = tuple(name for name in re.split(r"[\s,]+", asked) if name)
        for name in names:
            potential.terms(name, name)  # refuses a species that the potential does not know
        if not names or len(set(names)) != len(names):
            raise GlasspotError(f'--elements "{asked}": expected different elements, as Si,O.')
        return names
    if counts is not None:
        return species_order(counts.counts)
    if len(potential.elements) > MOST_SPECIES:
        raise GlasspotError(
            f"{potential.name} has {len(potential.elements)} species; name yours with --elements Si,Na,O or with "
            '--composition "70 SiO2 30 Na2O".'
        )
    return species_order(potential.elements)


def _require_complete(potential: Potential, species: Sequence[str]) -> None:
    """Raise GlasspotError when a charge or a depth waits for the composition."""
    waiting = [(a, b) for a in species for b in species if not potential.is_complete(a, b)]
    if waiting:
        what = f"the charge of {potential.balance}" if potential.balance else "the depth of " + "-".join(waiting[0])
        raise GlasspotError(
            f'{potential.name} takes {what} from the glass; give --composition, as "60 SiO2 20 B2O3 20 Na2O".'
        )


def _write_example(potential: Potential, species: Sequence[str], counts: AtomCounts, folder: Path) -> list[Path]:
    """Write in.example and start.data: a random packing of the glass and a short run at 300 K."""
    from glasspot.composition import start_box
    from glasspot.engine.deck import data_text
    from glasspot.files import write_text
    from glasspot.structure.frames import Frame
    from glasspot.structure.packing import random_packing

    length, _ = start_box(counts, None)
    packed = random_packing(counts.counts, length, seed=1)
    frame = Frame.from_symbols(packed.symbols, packed.positions, packed.cell, species)
    script = EXAMPLE.format(glass=counts.asked, n_atoms=frame.n_atoms, density=frame.density)
    return [
        write_text(folder / "start.data", data_text(potential, frame)),
        write_text(folder / "in.example", script),
    ]
