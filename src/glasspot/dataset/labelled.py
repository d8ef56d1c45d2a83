"""One configuration of an ab initio data set with its labels, and the set: plain values in A and eV.

Sign of a stress: sigma = (1/V) dE/d(strain), so a compressed cell has a negative diagonal; readers convert to it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from glasspot.errors import GlasspotError
from glasspot.structure.frames import Frame

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # xx yy zz yz xz xy, ASE's order
DIGITS = 6  # of a position in the name of a frame, in A: less than any two frames of a trajectory differ by


@dataclass(frozen=True)
class LabelledFrame:
    """A frame and what an ab initio calculation says of it; what it does not say is None.

    energy: eV, of the whole cell. forces: (n, 3) in eV/A. stress: (3, 3) in eV/A^3. config_type: the group that the
    file puts the frame in ("liquid_1600K"). temperature: K, of the thermostat. origin: "file.extxyz:12", for people.
    """

    frame: Frame
    energy: float | None = None
    forces: NDArray[np.float64] | None = None
    stress: NDArray[np.float64] | None = None
    config_type: str = ""
    temperature: float | None = None
    origin: str = ""

    def __post_init__(self) -> None:
        n = self.frame.n_atoms
        if self.forces is not None and self.forces.shape != (n, 3):
            raise GlasspotError(
                f"{self.origin or 'a frame'} has forces of shape {self.forces.shape}; expected ({n}, 3)."
            )
        if self.stress is not None and self.stress.shape != (3, 3):
            raise GlasspotError(
                f"{self.origin or 'a frame'} has a stress of shape {self.stress.shape}; expected (3, 3)."
            )

    @property
    def n_atoms(self) -> int:
        return self.frame.n_atoms

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Element of each atom."""
        return tuple(self.frame.species[t] for t in self.frame.types)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Atoms of each element."""
        return dict(Counter(self.symbols))

    @cached_property
    def volume(self) -> float:
        """Volume of the cell in A^3."""
        return float(abs(np.linalg.det(self.frame.cell)))

    @cached_property
    def key(self) -> str:
        """Name of the configuration: the SHA-256 of its cell, elements and positions, rounded to 1e-6 A.

        The same atoms in the same order have the same key, whatever file they came from.
        """
        lines = [_numbers(self.frame.cell.ravel())]
        lines += [
            f"{symbol} {_numbers(place)}" for symbol, place in zip(self.symbols, self.frame.positions, strict=True)
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def six(tensor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the components (6,) of a tensor (3, 3) in the order of VOIGT, each the mean of its two places."""
    return np.array([0.5 * (tensor[a, b] + tensor[b, a]) for a, b in VOIGT])


def _numbers(values: NDArray[np.float64]) -> str:
    texts = (f"{value:.{DIGITS}f}" for value in values)
    return " ".join("0.000000" if text == "-0.000000" else text for text in texts)


@dataclass(frozen=True)
class Dataset:
    """Frames with labels, without the isolated atoms, whose energies (eV) stand in ``isolated``.

    elements: all that occur, in glasspot's order. notes: what reading decided or doubts, for people.
    """

    frames: tuple[LabelledFrame, ...]
    elements: tuple[str, ...]
    isolated: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frames)

    @cached_property
    def key(self) -> str:
        """Name of the set: the first 24 hex digits of a SHA-256 of its frames' keys, in whatever order they come."""
        return hashlib.sha256("".join(sorted(frame.key for frame in self.frames)).encode()).hexdigest()[:24]

    def where(self, wanted: Callable[[LabelledFrame], bool]) -> Dataset:
        """Return the set of the frames that are wanted; everything else stays."""
        return replace(self, frames=tuple(frame for frame in self.frames if wanted(frame)))
