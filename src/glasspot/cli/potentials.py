"""``glasspot potentials``: the published sets that ship with glasspot: list, read, export and compare them."""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasspot.cli.potentials_compare import (
    COMPARE_DESCRIPTION,
    COMPARE_EPILOG,
    COMPARE_HELP,
    add_compare_arguments,
    compare,
)
from glasspot.cli.potentials_export import VERDICT, export
from glasspot.cli.potentials_learned import show_learned

if TYPE_CHECKING:
    from glasspot.potential.coulomb import Coulomb
    from glasspot.potential.forms import Term
    from glasspot.potential.model import Potential

HELP = "published potentials: numbers, source, cautions; comparison; export for LAMMPS or ASE"
DESCRIPTION = """\
The potentials that ship with glasspot, each with its source, its electrostatics, what simulation
has verified and what to be careful about. NAME is one of the list (case does not matter), or the
path of your own .toml file, a machine-learned potential (glasspot fit-mlip) too."""
EPILOG = """\
examples:
  glasspot potentials                                     every set, with its elements and verdict
  glasspot potentials show BKS                            numbers in eV and A, walls, cautions
  glasspot potentials show SHIK --composition "70 SiO2 30 Na2O"
  glasspot potentials export ML --format lammps --out ml  include and tables that lmp runs as they are
  glasspot potentials export PMMCS --format lammps --composition "60 SiO2 25 Na2O 15 CaO"
  glasspot potentials export BKS --format ase             a TOML file and a Python file with a calculator
  glasspot potentials compare fit.toml --out compare      R_chi of every set against the targets of a fit

"verified" is yes (melt and quench gave the density and bonds of experiment), partly, or no.
The keys of --json and the way to add your own set are in docs/potentials.md."""
SHOW_HELP = "everything about one set: numbers, walls, verification, cautions"
EXPORT_HELP = "write one set as files for LAMMPS or ASE"
EXPORT_EPILOG = """\
--format lammps writes potential.include and potential.table: use them in any script with
"units metal" and "atom_style charge", after the box exists:

  read_data  glass.data          # atom types in the order that this command prints
  include    potential.include

and, for a glass that --composition names (or a set of one oxide), in.example with start.data:

  glasspot potentials export ML --format lammps --out ml && cd ml && lmp -in in.example

--format ase writes potential.toml and ase_calculator.py:

  from ase_calculator import calculator
  atoms.calc = calculator()"""

WIDTH = 110


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to its parser."""
    raw = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", action="store_true", help="print one JSON object with stable keys")
    parser.set_defaults(action="list")
    actions = parser.add_subparsers(title="what to do (default: list)", metavar="ACTION")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
    listing = actions.add_parser("list", help="every set of the library", parents=[common])
    listing.set_defaults(action="list")
    one = argparse.ArgumentParser(add_help=False, parents=[common])
    one.add_argument("name", metavar="NAME", help="a set of the library, or the path of a .toml file")
    one.add_argument(
        "--composition", metavar="TEXT", help='mol%% of the glass, as "70 SiO2 30 Na2O"; SHIK and BMP depend on it'
    )
    show = actions.add_parser("show", help=SHOW_HELP, description=SHOW_HELP, parents=[one])
    show.set_defaults(action="show")
    export = actions.add_parser(
        "export", help=EXPORT_HELP, description=EXPORT_HELP, epilog=EXPORT_EPILOG, formatter_class=raw, parents=[one]
    )
    export.add_argument("--format", choices=("lammps", "ase"), required=True, help="program to write for")
    export.add_argument("--out", metavar="DIR", type=Path, help="folder to write into (default: NAME-FORMAT)")
    export.add_argument("--elements", metavar="A,B,...", help="atom types 1, 2, ... (default: those of the glass)")
    export.add_argument("--atoms", metavar="N", type=int, default=300, help="size of in.example (default: 300)")
    export.set_defaults(action="export")
    comparison = actions.add_parser(
        "compare", help=COMPARE_HELP, description=COMPARE_DESCRIPTION, epilog=COMPARE_EPILOG, formatter_class=raw
    )
    add_compare_arguments(comparison)
    comparison.set_defaults(action="compare")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    {"list": _list, "show": _show, "export": export, "compare": compare}[args.action](args)
    return 0


def _list(args: argparse.Namespace) -> None:
    from glasspot.potential.io import list_potentials, load_potential

    sets = [load_potential(name, check=False) for name in list_potentials()]
    rows = [(p.name, p.verified, electrostatics(p.coulomb), short_source(p.source), " ".join(p.elements)) for p in sets]
    if args.json:
        keys = ("name", "verified", "electrostatics", "source", "elements")
        found: list[dict[str, Any]] = [dict(zip(keys, row, strict=True)) for row in rows]
        for entry, potential in zip(found, sets, strict=True):
            entry |= {"elements": list(potential.elements), "title": potential.title, "doi": potential.doi}
            entry["source"] = potential.source
        print(json.dumps({"potentials": found}, indent=2, ensure_ascii=False))
        return
    head = ("name", "verified", "electrostatics", "source", "elements")
    widths = [max(len(row[k]) for row in (head, *rows)) + 2 for k in range(4)]
    room = max(_columns() - sum(widths), 20)
    for row in (head, *rows):
        lines = textwrap.wrap(row[4], room)
        print("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + lines[0])
        for line in lines[1:]:
            print(" " * sum(widths) + line)
    print(
        '\n"no" means that no simulation made for glasspot has confirmed the set. More: glasspot potentials show NAME'
    )


def _show(args: argparse.Namespace) -> None:
    from glasspot.composition import Composition
    from glasspot.oxides import parse_component
    from glasspot.potential.io import load_any
    from glasspot.potential.learned import LearnedPotential

    potential, species = load_any(args.name), None
    if isinstance(potential, LearnedPotential):
        show_learned(potential, args.composition, args.json)
        return
    if args.composition is not None:
        glass = Composition.parse(args.composition)
        known = potential.counting_charges
        species = {name for formula, _ in glass.oxides for name in parse_component(formula).atoms_of(known)}
        potential = potential.for_composition(glass)
    if args.json:
        found = describe(potential) | {"composition": None if species is None else str(glass)}
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    print(f"{potential.name}: {potential.title}\n")
    if potential.verified != "yes":
        _say(f"*** {VERDICT[potential.verified]} ***", "")
        print()
    _say(potential.source, "source        ")
    _say(f"https://doi.org/{potential.doi}" if potential.doi else "none known", "doi           ")
    _say(f"{potential.verified}. {potential.verification}", "verified      ")
    for caution in potential.cautions:
        _say(caution, "caution       ")
    print()
    if species is not None:
        print(f"glass           {glass} mol%; what other species need is left out below")
    for line in _number_lines(potential, set(potential.elements) if species is None else species):
        print(line)


def _number_lines(potential: Potential, species: set[str]) -> list[str]:
    """Return the numbers of a set that concern ``species``: cut-offs, charges, pairs, three-body terms, walls."""
    how = {"truncate": "truncated", "shift": "shifted to zero there", "smooth": "shifted and smoothed to zero there"}
    lines = [
        f"electrostatics  {electrostatics(potential.coulomb)}",
        f"short range     up to {potential.r_cut:g} A, {how[potential.cutoff]}",
    ]
    charges = [
        f"{name} {potential.charges[name]:+.6g}" if name in potential.charges else f"{name} from the composition"
        for name in potential.elements
        if name in species
    ]
    lines += textwrap.wrap("charges (e)     " + ", ".join(charges), WIDTH, subsequent_indent=" " * 16)
    lines += ["", "pairs (energies in eV, distances in A; pairs not listed have charges only)"]
    for pair in (pair for pair in potential.pairs if species.issuperset(pair.elements)):
        name = "-".join(pair.elements)
        for term in pair.terms:
            lines.append(f"  {name:<8s}  {term.form:<18s}  {_numbers(term)}")
            name = ""
    for item in (item for item in potential.three_body if species.issuperset((item.centre, *item.ends))):
        name = f"{item.ends[0]}-{item.centre}-{item.ends[1]}"
        values = f"K = {item.K:g} eV/rad^2, theta0 = {item.theta0:g} deg, rho = {item.rho:g}, r_cut = {item.r_cut:g}"
        lines.append(f"  {name:<8s}  {'screened angle':<18s}  {values}")
    walls = {pair: wall for pair, wall in potential.walls().items() if species.issuperset(pair)}
    if walls:
        lines += ["", "automatic walls (close the hole of a pair at short range)"]
    for (a, b), wall in walls.items():
        bare = "no barrier, the force only falls"
        if math.isfinite(wall.barrier_eV):
            bare = f"bare barrier {wall.barrier_eV:.1f} eV at {wall.r_barrier:.2f} A"
        lines.append(f"  {a + '-' + b:<8s}  inside {wall.r_wall:.2f} A; {bare}")
    return lines


def describe(potential: Potential) -> dict[str, Any]:
    """Return everything ``show`` prints as plain values with stable keys; energies in eV, distances in A."""
    data = potential.to_dict()
    walls = [
        {
            "elements": list(pair),
            "r_wall": wall.r_wall,
            "r_barrier": wall.r_barrier if math.isfinite(wall.barrier_eV) else None,
            "barrier_eV": wall.barrier_eV if math.isfinite(wall.barrier_eV) else None,
        }
        for pair, wall in potential.walls().items()
    ]
    data["pairs"] = [{"elements": pair["elements"], "terms": pair["term"]} for pair in data.pop("pair")]
    data.setdefault("three_body", [])
    data.setdefault("balance", None)
    return data | {"elements": list(potential.elements), "walls": walls, "potential_id": potential.potential_id}


def electrostatics(coulomb: Coulomb) -> str:
    """Return the electrostatics in a few words."""
    from glasspot.potential.coulomb import DSF, PPPM

    if isinstance(coulomb, PPPM):
        return f"PPPM {coulomb.accuracy:g}, {coulomb.r_cut:g} A"
    if isinstance(coulomb, DSF):
        return f"DSF {coulomb.alpha:g}/A, {coulomb.r_cut:g} A"
    damping = f" {coulomb.alpha:g}/A" if coulomb.alpha else ""
    return f"Wolf{damping}, {coulomb.r_cut:g} A, smoothed"


def short_source(source: str) -> str:
    """Return first author and year of a citation, as "van Beest 1990"; without an author its kind and year."""
    first = source.split(",")[0]
    author = re.sub(r"^(?:[A-Z][a-z]?\.[\s-]?)+", "", first).strip()
    year = re.search(r"\((?:[a-z]+, )?(\d{4})", source)
    if author == first:
        author = "preprint" if "preprint" in source else first
    return f"{author[:24]} {year[1] if year else ''}".strip()


def _numbers(term: Term) -> str:
    """Return the numbers of one term, energies in eV."""
    values = [(name, getattr(term, name)) for name in term.parameters()]
    rule = getattr(term, "composition_rule", None)
    return ", ".join(
        f"{name} from the composition ({rule})" if rule and name == "D" and value == 0.0 else f"{name} = {value:.10g}"
        for name, value in values
    )


def _columns() -> int:
    return min(max(shutil.get_terminal_size((WIDTH, 24)).columns, 60), 160)


def _say(text: str, label: str) -> None:
    """Print wrapped text behind a label."""
    print(
        textwrap.fill(label + text, min(_columns(), WIDTH), subsequent_indent=" " * len(label), break_on_hyphens=False)
    )
