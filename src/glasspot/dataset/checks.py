"""What a data set holds and what is doubtful about it: survey; and require, which refuses what cannot be fitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from glasspot.dataset.check_cells import check_cells
from glasspot.dataset.check_labels import check_labels
from glasspot.dataset.check_units import check_units, temperature_from_forces
from glasspot.dataset.doubts import Doubt, by_type, formula_of, grouped
from glasspot.dataset.isolated import atom_energies
from glasspot.dataset.labelled import Dataset, LabelledFrame
from glasspot.dataset.record import frames_named
from glasspot.errors import GlasspotError
from glasspot.units import GPA_PER_EV_A3


@dataclass(frozen=True)
class Group:
    """The frames of one config_type; None where they have no such label.

    atoms: "265" or "240-480". density: g/cm3, mean. temperature: K, of the thermostat, where it is one.
    temperature_from_forces: K, about. energy: eV/atom, mean; energy_sd: meV/atom, within each composition.
    force_rms: eV/A, of a component. pressure: GPa, mean, without the part of the atoms' motion. labels: "EFS", a small
    letter where only some frames have it, "-" where none has.
    """

    config_type: str
    frames: int
    atoms: str
    composition: str
    density: float
    temperature: float | None
    temperature_from_forces: float | None
    energy: float | None
    energy_sd: float | None
    force_rms: float | None
    pressure: float | None
    labels: str


@dataclass(frozen=True)
class Survey:
    """A table of the groups, what reading decided (notes), what agrees (facts), and what is doubtful (doubts)."""

    groups: tuple[Group, ...]
    doubts: tuple[Doubt, ...]
    facts: tuple[str, ...]
    notes: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return the table for a report or JSON: one dictionary a config_type, keys as in :class:`Group`."""
        return [asdict(group) for group in self.groups]

    def lines(self) -> list[str]:
        """Return the whole survey as lines for a terminal."""
        lines = _table(self.groups)
        for title, texts in (("read", self.notes), ("agrees", self.facts), ("check", [str(d) for d in self.doubts])):
            lines += [f"{title}: {text}" for text in texts]
        return lines


def survey(dataset: Dataset) -> Survey:
    """Return what the set holds and what is doubtful; GlasspotError where it has no frames.

    About three seconds for 1000 frames of 250 atoms: the names of the frames, and a second for their forces.
    """
    if not dataset.frames:
        raise GlasspotError("the data set has no frames.")
    kinds = by_type(dataset.frames)
    kelvins = {name: temperature_from_forces(frames) for name, frames in kinds.items()}
    units = check_units(dataset.frames, kelvins)
    facts = list(units.facts)
    if any(frame.energy is not None for frame in dataset.frames):
        facts.append(atom_energies(dataset).sentence())
    return Survey(
        groups=tuple(_group(name, frames, kelvins[name]) for name, frames in kinds.items()),
        doubts=(*units.doubts, *check_cells(dataset.frames), *check_labels(dataset)),
        facts=tuple(facts),
        notes=dataset.notes,
    )


def require(dataset: Dataset, energies: bool = True, forces: bool = True, stress: bool = False) -> None:
    """Raise GlasspotError where a label that is needed is missing: which frames lack it, and what to do."""
    if not dataset.frames:
        raise GlasspotError("the data set has no frames.")
    for label, wanted in (("energy", energies), ("forces", forces), ("stress", stress)):
        lacking = [frame for frame in dataset.frames if getattr(frame, label) is None]
        if not wanted or not lacking:
            continue
        kinds = Counter(frame.config_type or "no config_type" for frame in lacking)
        which = ", ".join(f"{kind}: {n}" for kind, n in kinds.items())
        missing = "no energies" if label == "energy" else f"no {label}"
        raise GlasspotError(
            f"{len(lacking)} of {len(dataset)} frames have {missing} ({which}; "
            f"{frames_named([f.origin for f in lacking])}). Leave these frames out, compute what is missing, or, if "
            f'the file has it under an unusual name, name the key of "{label}".'
        )


def _group(name: str, frames: Sequence[LabelledFrame], kelvin: float | None) -> Group:
    sizes = sorted({frame.n_atoms for frame in frames})
    compositions = list(dict.fromkeys(formula_of(frame) for frame in frames))
    temperatures = {frame.temperature for frame in frames}
    energies = [frame.energy / frame.n_atoms for frame in frames if frame.energy is not None]
    forces = [frame.forces.ravel() for frame in frames if frame.forces is not None]
    stresses = [float(np.trace(frame.stress)) / 3 for frame in frames if frame.stress is not None]
    return Group(
        config_type=name,
        frames=len(frames),
        atoms=str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]}-{sizes[-1]}",
        composition=compositions[0] if len(compositions) == 1 else f"{len(compositions)} kinds",
        density=float(np.mean([frame.frame.density for frame in frames])),
        temperature=temperatures.pop() if len(temperatures) == 1 else None,
        temperature_from_forces=kelvin,
        energy=float(np.mean(energies)) if energies else None,
        energy_sd=_spread(frames) if len(energies) > 1 else None,
        force_rms=float(np.sqrt(np.mean(np.concatenate(forces) ** 2))) if forces else None,
        pressure=-float(np.mean(stresses)) * GPA_PER_EV_A3 if stresses else None,
        labels="".join(
            _letter(letter, sum(getattr(frame, label) is not None for frame in frames), len(frames))
            for letter, label in (("E", "energy"), ("F", "forces"), ("S", "stress"))
        ),
    )


def _letter(letter: str, having: int, of: int) -> str:
    return letter if having == of else letter.lower() if having else "-"


def _spread(frames: Sequence[LabelledFrame]) -> float | None:
    """Return the standard deviation of the energy in meV/atom around the mean of each composition."""
    apart: list[float] = []
    for group in grouped([frame for frame in frames if frame.energy is not None]).values():
        energies = np.array([frame.energy for frame in group], dtype=np.float64) / [frame.n_atoms for frame in group]
        if len(group) > 1:
            apart += list(energies - energies.mean())
    return 1000.0 * float(np.sqrt(np.mean(np.square(apart)))) if apart else None


HEADS = (
    "config_type",
    "frames",
    "atoms",
    "composition",
    "g/cm3",
    "T/K",
    "T(F)",
    "eV/atom",
    "sd/meV",
    "F/eV/A",
    "P/GPa",
    "has",
)


def _table(groups: Sequence[Group]) -> list[str]:
    def number(value: float | None, digits: int) -> str:
        return "-" if value is None else f"{value:.{digits}f}"

    rows = [
        (
            group.config_type or "(none)",
            str(group.frames),
            group.atoms,
            group.composition,
            number(group.density, 3),
            number(group.temperature, 0),
            number(group.temperature_from_forces, 0),
            number(group.energy, 4),
            number(group.energy_sd, 1),
            number(group.force_rms, 3),
            number(group.pressure, 2),
            group.labels,
        )
        for group in groups
    ]
    widths = [max(len(cell) for cell in column) for column in zip(HEADS, *rows, strict=True)]
    names = {0, 3}  # columns of words stand to the left
    return [
        "  ".join(
            c.ljust(w) if i in names else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (HEADS, *rows)
    ]
