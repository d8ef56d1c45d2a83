"""Potential files: TOML, one file a set. The library ships in ``library/``; a user's file has the same format.

::

    name = "BKS"
    title = "..."                # one line
    source = "..."               # citation
    doi = "10.1103/PhysRevLett.64.1955"
    unit = "eV"                  # unit of the energies in A, C, D, coefficient, K: eV | kcal/mol | kJ/mol | K | Hartree
    verified = "yes"             # yes | partly | no (default no: the user is told)
    verification = "..."         # what simulation has shown
    cautions = ["..."]
    r_cut = 8.0                  # short range, A
    cutoff = "truncate"          # truncate (default) | shift: V - V(r_cut) | smooth: (V - V(r_cut)) G(r)
    smooth_width = 0.2           # of G(r) = exp(-smooth_width^2/(r - r_cut)^2), only with cutoff = "smooth"
    wall = "auto"                # auto (default) | none: see glasspot.potential.wall
    balance = "O"                # optional: the charge of this element follows from the composition

    [charges]                    # e; the balanced element may be left out
    Si = 2.4
    O = -1.2

    [coulomb]
    style = "dsf"                # dsf: alpha, r_cut | wolf: r_cut, smooth_width = 0.2, alpha = 0
    alpha = 0.25                 # 1/A               | pppm: r_cut, accuracy = 1e-5
    r_cut = 8.0                  # A

    [[pair]]                     # a pair that has no short-range term is left out
    elements = ["Si", "O"]
    [[pair.term]]                # the terms of a pair add
    form = "buckingham"          # A, rho, C = 0
    A = 18003.7572
    rho = 0.205205
    C = 133.5381
    [[pair.term]]
    form = "inverse-power"       # coefficient, n
    coefficient = 29.0
    n = 24

    [[three_body]]               # screened harmonic angle, as LAMMPS's nb3b/screened
    centre = "O"
    ends = ["Si", "B"]           # both orders are meant
    K = 12.5                     # LAMMPS's convention: K exp(-r1/rho) exp(-r2/rho) (theta - theta0)^2
    theta0 = 109.47              # degrees
    rho = 1.0                    # A
    r_cut = 3.3                  # A

Other forms: ``born-mayer-huggins`` (A, rho, sigma, C = 0, D = 0) and ``morse`` (D, a, r0); a Morse term with
``composition_rule = "bertani-2022"`` takes its D from the composition (BMP boron). A species may carry its oxidation
state ("Fe2", "Fe3"). Unknown keys are refused.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.files import LARGEST_TOML, parse_toml, read_limited
from glasspot.potential.learned import LearnedPotential, learned_from_dict
from glasspot.potential.model import Potential


def _library() -> Traversable:
    return resources.files("glasspot.potential") / "library"


@cache
def _library_index() -> dict[str, str]:
    """Return name of the set -> file name, in alphabetical order."""
    folder = _library()
    if not folder.is_dir():
        return {}
    files = [file for file in folder.iterdir() if file.name.endswith(".toml")]
    tables = {file.name: parse_toml(file.read_bytes(), file.name) for file in files}
    index = {str(table.get("name", file)): file for file, table in tables.items()}
    return dict(sorted(index.items(), key=lambda item: item[0].lower()))


def list_potentials() -> list[str]:
    """Return the names of the sets in the library."""
    return list(_library_index())


def _simple(name: str) -> str:
    """Return ``name`` without case, spaces and dashes, so that "ML SiO", "ml-sio" and "ML_SiO" are the same."""
    return "".join(character for character in name.lower() if character.isalnum())


def load_any(name_or_path: str | Path, folder: Path | None = None) -> Potential | LearnedPotential:
    """Return what :func:`load_potential` does, or the machine-learned potential of a ``.toml`` file with a ``kind``."""
    path = _path(str(name_or_path), folder)
    if path is not None:
        data = parse_toml(_read(path), str(path))
        if "kind" in data:
            return learned_from_dict(data, path.resolve().parent, str(path))
    return load_potential(name_or_path, folder=folder)


def _path(text: str, folder: Path | None) -> Path | None:
    """Return the file that ``text`` means, relative to ``folder``; None for a name of the library."""
    if not (text.endswith(".toml") or "/" in text):
        return None
    return Path(text) if folder is None else folder / text


def load_potential(name_or_path: str | Path, check: bool = True, folder: Path | None = None) -> Potential:
    """Return a set of the library (by its name, case does not matter) or of a ``.toml`` file, checked.

    The path of a file is relative to ``folder``, where one is given: files of a run stand beside its TOML.
    GlasspotError for an unknown name, an unreadable file, an unknown key, or (with ``check``) numbers that make no
    physical sense; then the message names the likely unit or lost digit (see :mod:`glasspot.potential.checks`).
    """
    text = str(name_or_path)
    path = _path(text, folder)
    if path is not None:
        data = parse_toml(_read(path), str(path))
        if "kind" in data:
            raise GlasspotError(
                f"{path} is a machine-learned potential ({data['kind']}); here a pair potential is needed. It can make "
                "glasses (glasspot quench) and be tested (glasspot test-mlip)."
            )
    else:
        index = {_simple(name): file for name, file in _library_index().items()}
        index |= {_simple(file.removesuffix(".toml")): file for file in _library_index().values()}
        if _simple(text) not in index:
            known = list_potentials()
            raise GlasspotError(
                f'unknown potential "{text}"; expected a name of the library ({", ".join(known)}) or the path of a '
                f".toml file.{did_you_mean(text, known)}"
            )
        file = index[_simple(text)]
        data = parse_toml((_library() / file).read_bytes(), file)
    potential = Potential.from_dict(data)
    if check:
        from glasspot.potential.checks import require_sound

        require_sound(potential, str(data.get("unit", "eV")))
    return potential


def _read(path: Path) -> bytes:
    try:
        return read_limited(path, LARGEST_TOML)
    except OSError as error:
        raise GlasspotError(
            f"cannot read the potential file {path}: {error.strerror}; give its path, or a name of the library "
            "(glasspot potentials list)"
        ) from error


def potential_to_toml(potential: Potential) -> str:
    """Return ``potential`` as the text of a potential file, energies in eV, every digit kept."""
    data = potential.to_dict()
    tables = {key: data.pop(key) for key in ("charges", "coulomb")}
    pairs, three_body = data.pop("pair"), data.pop("three_body", [])
    lines = _key_values(data)
    for key, table in tables.items():
        lines += ["", f"[{key}]", *_key_values(table)]
    for pair in pairs:
        lines += ["", "[[pair]]", f"elements = {_value(pair['elements'])}"]
        for term in pair["term"]:
            lines += ["[[pair.term]]", *_key_values(term)]
    for item in three_body:
        lines += ["", "[[three_body]]", *_key_values(item)]
    return "\n".join(lines) + "\n"


def _key_values(table: dict[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: Any) -> str:
    """Return a TOML value; JSON's texts and numbers are TOML's (repr keeps every digit of a float)."""
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
