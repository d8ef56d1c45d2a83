"""VASP's OUTCAR, also .gz, by ASE: energies (eV), forces (eV/A) and stresses, converted to ASE's sign and eV/A^3.

The energy is the free energy TOTEN, because the forces are its derivative; "energy(sigma->0)" is an extrapolation. The
line "in kB" has no kinetic part of the ions, as it must be for a fit.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

from glasspot.dataset.record import Notes, Record, as_number, as_rows, as_tensor
from glasspot.errors import GlasspotError
from glasspot.structure.promises import DAMAGED, check_promises, check_regular

TEMPERATURES = re.compile(r"TEBEG\s*=\s*([0-9]+\.?[0-9]*)\s*;\s*TEEND\s*=\s*([0-9]+\.?[0-9]*)")
UNCONVERGED = "EDIFF was not reached"


def read_outcar(path: Path, notes: Notes) -> Iterator[Record]:
    """Yield the ionic steps of a file; one that is cut short at the end is left out and noted.

    The temperature is TEBEG of an MD run with TEBEG = TEEND; the config_type is the name of the folder.
    GlasspotError where the file is missing, or holds no whole step.
    """
    import ase.io

    check_regular(path)
    check_promises(path, "vasp-out")
    temperature, begun, unconverged = _facts(path)
    number, difference = 0, 0.0
    try:
        for atoms in ase.io.iread(path, index=":", format="vasp-out"):
            results = atoms.calc.results if atoms.calc is not None else {}
            energy = as_number(results.get("free_energy", results.get("energy")))
            origin = f"{path.name}:{number}" if path.parent.name == "" else f"{path.parent.name}/{path.name}:{number}"
            if energy is not None and "energy" in results:
                difference = max(difference, abs(energy - float(results["energy"])) / len(atoms))
            if number in unconverged:
                notes.add(
                    "the electrons of an ionic step did not converge (EDIFF was not reached); leave it out", origin
                )
            yield Record(
                symbols=tuple(atoms.get_chemical_symbols()),
                positions=atoms.positions,
                cell=atoms.cell.array,
                energy=energy,
                forces=as_rows(results.get("forces"), len(atoms)),
                stress=as_tensor(results["stress"]) if "stress" in results else None,
                config_type=path.parent.name,
                temperature=temperature,
                origin=origin,
            )
            number += 1
    # ASE's parser raises kinds of its own where a file ends early.
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if not number:
            raise GlasspotError(f"{path} could not be read as OUTCAR ({reason}); is it cut short?") from error
    if number < begun:
        notes.add(f"{path}: {begun - number} ionic steps, from {number} on, are cut short or damaged and left out")
    if not number:
        raise GlasspotError(f"{path} holds no whole ionic step; is it cut short?")
    notes.add(
        f"{path}: energies are the free energy TOTEN, whose derivative the forces are; energy(sigma->0) differs by "
        f"up to {1000 * difference:.2g} meV/atom"
    )


def _facts(path: Path) -> tuple[float | None, int, set[int]]:
    """Return the thermostat's temperature (K) or None, how many ionic steps begin, and which did not converge."""
    temperatures, moving = None, False
    begun: set[int] = set()
    unconverged: set[int] = set()
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(errors="replace") as file:
            for line in file:
                if found := re.search(r"- Iteration\s+(\d+)\(", line):
                    begun.add(int(found[1]))
                elif UNCONVERGED in line:
                    unconverged.add(len(begun) - 1)
                elif "TEBEG" in line and (found := TEMPERATURES.search(line)):
                    temperatures = float(found[1]), float(found[2])
                elif "IBRION" in line and (found := re.search(r"IBRION\s*=\s*(-?\d+)", line)):
                    moving = found[1] == "0"
    except DAMAGED as error:
        raise GlasspotError(f"{path} could not be read: {error}.") from error
    held = moving and temperatures is not None and temperatures[0] == temperatures[1]
    return (temperatures[0] if held and temperatures else None), len(begun), unconverged
