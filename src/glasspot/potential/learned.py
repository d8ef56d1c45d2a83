"""A machine-learned potential: which program evaluates it, the files it reads, and where they came from.

Its TOML file (``kind`` tells it from a pair potential) names files that stand beside it, each with its SHA-256::

    kind = "pod"                       # pod: LAMMPS's pair_style pod | gap: QUIP's GAP
    name = "AsTe3-pod"
    elements = ["As", "Te"]            # in the order of the model's own types
    r_cut = 5.0                        # A
    title = "..."
    source = "..."                     # the data it was fitted to
    cautions = ["..."]

    [closest]                          # A, the least distance of each pair in the data it was fitted to
    As-As = 2.21

    [files]                            # role = name
    parameters = "parameters.pod"
    coefficients = "coefficients.pod"

    [sha256]
    parameters = "..."

Energies in eV, distances in A; charges are not known to such a model (``electrostatics`` is part of what it learned).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glasspot.errors import GlasspotError, check_choice, did_you_mean, is_shown_as_written
from glasspot.oxides import is_species
from glasspot.potential.model import Potential
from glasspot.potential.schema import check_name

if TYPE_CHECKING:
    from glasspot.composition import Composition

KINDS: dict[str, tuple[str, ...]] = {"pod": ("parameters", "coefficients"), "gap": ("model",)}
KEYS = ("kind", "name", "elements", "r_cut", "title", "source", "cautions", "closest", "files", "sha256")


@dataclass(frozen=True)
class LearnedPotential:
    """A fitted model on disk. ``files``: role -> path; ``hashes``: role -> SHA-256 of that file when it was written.

    closest: the least distance (A) of each pair of elements in its data, "As-Te" -> 2.4, the names in the order of
    ``elements``. Below it the model has seen nothing: MD starts with no pair closer, and a wall keeps it so.
    """

    kind: str
    name: str
    elements: tuple[str, ...]
    r_cut: float
    files: Mapping[str, Path]
    hashes: Mapping[str, str]
    title: str = ""
    source: str = ""
    cautions: tuple[str, ...] = field(default=())
    closest: Mapping[str, float] = field(default_factory=dict)
    verified: str = "yes"  # what a fit measured of itself stands in its report, not here
    verification: str = ""
    doi: str = ""

    def __hash__(self) -> int:
        return hash(self.potential_id)

    @property
    def potential_id(self) -> str:
        """First 16 hex digits of the SHA-256 of kind, elements and files: the same model has the same one anywhere."""
        text = json.dumps([self.kind, self.elements, sorted(self.hashes.items()), sorted(self.closest.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def r_max(self) -> float:
        """Distance beyond which two atoms do not see each other, in A."""
        return self.r_cut

    @property
    def counting_charges(self) -> dict[str, float]:
        """Every element with charge 0: any composition of them is neutral."""
        return dict.fromkeys(self.elements, 0.0)

    def charge(self, species: str) -> float:
        """Return 0: such a model knows no charges. GlasspotError for an element it does not know."""
        if species not in self.elements:
            raise GlasspotError(
                f'the potential {self.name} does not know "{species}"; it knows {", ".join(self.elements)}.'
                f"{did_you_mean(species, self.elements)}"
            )
        return 0.0

    def for_composition(self, composition: Composition, counts: Mapping[str, int]) -> LearnedPotential:
        """Return itself, once it knows every element of ``counts``."""
        for species in counts:
            self.charge(species)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a record or a hash: the files by their hashes, never by their place."""
        return {
            "kind": self.kind,
            "name": self.name,
            "elements": list(self.elements),
            "r_cut": self.r_cut,
            "title": self.title,
            "source": self.source,
            "cautions": list(self.cautions),
            "closest": dict(self.closest),
            "sha256": dict(self.hashes),
        }


def distances_of(closest: Mapping[str, float], times: float = 1.0) -> dict[tuple[str, str], float]:
    """Return "As-Te" -> A as a packing takes it, ("As", "Te") -> A, ``times`` as large."""
    pairs = {pair: pair.split("-") for pair in closest}
    return {(a, b): times * closest[pair] for pair, (a, b) in pairs.items()}


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def learned_from_dict(data: Mapping[str, Any], folder: Path, where: str) -> LearnedPotential:
    """Return the potential of a TOML table whose files stand in ``folder``.

    GlasspotError for an unknown key or kind, a name that leaves the folder, a file that is missing or was changed.
    """
    for key in data:
        if key not in KEYS:
            raise GlasspotError(f'{where}: unknown key "{key}"; expected {", ".join(KEYS)}.{did_you_mean(key, KEYS)}')
    check_choice(_text(data, "kind", where), tuple(KINDS), f"{where}: kind")
    kind, roles = data["kind"], KINDS[data["kind"]]
    names, hashes = _texts(data, "files", where), _texts(data, "sha256", where)
    for role in roles:
        if role not in names or role not in hashes:
            raise GlasspotError(f"{where}: [files] and [sha256] of a {kind} model need {' and '.join(roles)}.")
    files = {role: _file(folder, name, hashes.get(role), where) for role, name in names.items()}
    elements = data.get("elements")
    if (
        not isinstance(elements, list)
        or not elements
        or not all(isinstance(e, str) and is_species(e) for e in elements)
    ):
        raise GlasspotError(f'{where}: elements is {elements!r}; expected a list such as ["As", "Te"].')
    r_cut = data.get("r_cut")
    if isinstance(r_cut, bool) or not isinstance(r_cut, int | float) or not 0 < r_cut < 100:
        raise GlasspotError(f"{where}: r_cut is {r_cut!r}; expected a number of A, such as 5.0.")
    cautions = data.get("cautions", [])
    if not isinstance(cautions, list) or not all(isinstance(x, str) and is_shown_as_written(x) for x in cautions):
        raise GlasspotError(f"{where}: cautions is {cautions!r}; expected a list of texts without control characters.")
    return LearnedPotential(
        kind=kind,
        name=check_name(_text(data, "name", where), f"{where}: the name"),
        elements=tuple(elements),
        r_cut=float(r_cut),
        files=files,
        hashes=hashes,
        title=_text({"title": "", **data}, "title", where, empty=True),
        source=_text({"source": "", **data}, "source", where, empty=True),
        cautions=tuple(cautions),
        closest=_closest(data.get("closest", {}), elements, where),
    )


def _closest(table: Any, elements: list[str], where: str) -> dict[str, float]:
    """Return [closest], its pairs named in the order of the elements."""
    pairs = [f"{a}-{b}" for a, b in combinations_with_replacement(elements, 2)]
    if not isinstance(table, dict) or not set(table) <= set(pairs):
        raise GlasspotError(f"{where}: [closest] is {table!r}; expected distances of {', '.join(pairs)}.")
    for pair, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10:
            raise GlasspotError(f"{where}: closest {pair} is {value!r}; expected a distance in A, such as 2.3.")
    return {pair: float(value) for pair, value in table.items()}


def _text(data: Mapping[str, Any], key: str, where: str, empty: bool = False) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not (value or empty) or not is_shown_as_written(value):
        raise GlasspotError(f"{where}: {key} is {value!r}; expected a text.")
    return value


def _texts(data: Mapping[str, Any], key: str, where: str) -> dict[str, str]:
    table = data.get(key)
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise GlasspotError(f"{where}: [{key}] is {table!r}; expected a table of texts.")
    return dict(table)


def _file(folder: Path, name: str, sha256: str | None, where: str) -> Path:
    """Return the path of a model file, once it is the one that was written."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}", name):
        raise GlasspotError(f'{where}: the file "{name}" must stand in the same folder, with a plain name.')
    path = folder / name
    if not path.is_file():
        raise GlasspotError(f"{where}: the model file {path} is missing; copy it beside the potential file.")
    if sha256 is not None and file_hash(path) != sha256:
        raise GlasspotError(
            f"{where}: {path} is not the file that was fitted (its SHA-256 differs); restore it, or fit again."
        )
    return path


def learned_to_toml(potential: LearnedPotential) -> str:
    """Return the text of the potential file, which stands beside the model's files."""
    table = potential.to_dict()
    hashes, closest = table.pop("sha256"), table.pop("closest")
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
    if closest:
        lines += ["", "[closest]", *(f"{pair} = {value!r}" for pair, value in closest.items())]
    lines += ["", "[files]", *(f"{role} = {json.dumps(path.name)}" for role, path in potential.files.items())]
    lines += ["", "[sha256]", *(f"{role} = {json.dumps(value)}" for role, value in hashes.items())]
    return "\n".join(lines) + "\n"


AnyPotential = Potential | LearnedPotential
"""What an engine may be given."""
