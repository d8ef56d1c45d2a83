"""What a model says beside what the data say, as arrays for pictures, and their file, parity.npz."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.archives import load_archive
from glasspot.dataset.labelled import LabelledFrame, six
from glasspot.errors import GlasspotError
from glasspot.files import replacing
from glasspot.mlip.model import Labels
from glasspot.units import GPA_PER_EV_A3

MOST_FORCES = 30000  # components that are kept: a picture shows no more
FloatArray = NDArray[np.float64]
Part = tuple[Sequence[LabelledFrame], Sequence[Labels]]
"""Frames, and what the model says of each."""


@dataclass(frozen=True)
class Parity:
    """Reference (``_ref``) and model, for k frames, f force components and s frames with a stress.

    use (k,): what each frame was to the fit, "train", "test" or "unseen"; config_type (k,); n_atoms (k,); energy_ref,
    energy (k,) in eV/atom, nan where the data have none. force_ref, force (f,) in eV/A, of all components an even
    choice; force_use (f,), force_type (f,): use and config_type of their frames. stress_ref, stress (s, 6) in GPa,
    xx yy zz yz xz xy; stress_use (s,), stress_type (s,). The types may be empty, (0,), where they are not known.
    """

    use: NDArray[np.str_]
    config_type: NDArray[np.str_]
    n_atoms: NDArray[np.int64]
    energy_ref: FloatArray
    energy: FloatArray
    force_ref: FloatArray
    force: FloatArray
    force_use: NDArray[np.str_]
    force_type: NDArray[np.str_]
    stress_ref: FloatArray
    stress: FloatArray
    stress_use: NDArray[np.str_]
    stress_type: NDArray[np.str_]

    @classmethod
    def of(cls, parts: Mapping[str, Part], most_forces: int = MOST_FORCES) -> Parity:
        """Return the arrays of ``parts``, use -> frames and labels found; the parts share ``most_forces`` evenly."""
        rows = [
            (use, frame, found)
            for use, (frames, labels) in parts.items()
            for frame, found in zip(frames, labels, strict=True)
        ]
        forces = [_forces(use, *part, most_forces // max(len(parts), 1)) for use, part in parts.items()]
        stressed = [
            (use, f.config_type, f.stress, found.stress)
            for use, f, found in rows
            if f.stress is not None and found.stress is not None
        ]
        return cls(
            use=_texts([use for use, _, _ in rows]),
            config_type=_texts([frame.config_type for _, frame, _ in rows]),
            n_atoms=np.array([frame.n_atoms for _, frame, _ in rows], dtype=np.int64),
            energy_ref=np.array([np.nan if f.energy is None else f.energy / f.n_atoms for _, f, _ in rows], float),
            energy=np.array([found.energy / frame.n_atoms for _, frame, found in rows], dtype=float),
            force_ref=np.concatenate([np.empty(0), *(part[0] for part in forces)]),
            force=np.concatenate([np.empty(0), *(part[1] for part in forces)]),
            force_use=_texts([use for part in forces for use in part[2]]),
            force_type=_texts([name for part in forces for name in part[3]]),
            stress_ref=_voigt([reference for _, _, reference, _ in stressed]),
            stress=_voigt([found for _, _, _, found in stressed]),
            stress_use=_texts([use for use, _, _, _ in stressed]),
            stress_type=_texts([name for _, name, _, _ in stressed]),
        )

    def save(self, path: Path) -> Path:
        """Write the arrays as compressed .npz, whole or not at all, and return the path."""
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **{field.name: getattr(self, field.name) for field in fields(self)})
        return Path(path)

    @classmethod
    def load(cls, path: Path) -> Parity:
        """Return the arrays of a file that :meth:`save` wrote; GlasspotError where it is missing or another one."""
        try:
            names = {field.name for field in fields(cls)}
            arrays = {name: array for name, array in load_archive(path).items() if name in names}
        except (OSError, ValueError) as error:
            raise GlasspotError(f"{path} cannot be read ({error}); fit the model again.") from error
        for name in ("force_type", "stress_type"):
            arrays.setdefault(name, _texts([]))
        missing = [field.name for field in fields(cls) if field.name not in arrays]
        if missing:
            raise GlasspotError(f"{path} lacks {', '.join(missing)}; fit the model again.")
        found = cls(**arrays)
        if not found._is_whole():
            raise GlasspotError(f"{path} is damaged: its arrays do not fit together; fit the model again.")
        return found

    def _is_whole(self) -> bool:
        """Tell whether all arrays are of the kinds and shapes that go together."""
        texts = {"use", "config_type", "force_use", "force_type", "stress_use", "stress_type"}
        if any((getattr(self, field.name).dtype.kind == "U") != (field.name in texts) for field in fields(self)):
            return False
        frames, forces, stresses = self.use.shape, self.force.shape, self.stress.shape[:1]
        same = {
            frames: (self.n_atoms, self.energy_ref, self.energy),
            forces: (self.force_ref, self.force_use),
            stresses: (self.stress_use,),
        }
        types = ((self.config_type, frames), (self.force_type, forces), (self.stress_type, stresses))
        return (
            len(frames) == len(forces) == 1
            and self.stress.shape == self.stress_ref.shape == (*stresses, 6)
            and all(array.shape == shape for shape, arrays in same.items() for array in arrays)
            and all(array.shape in (shape, (0,)) for array, shape in types)
        )


def _forces(
    use: str, frames: Sequence[LabelledFrame], labels: Sequence[Labels], most: int
) -> tuple[FloatArray, FloatArray, list[str], list[str]]:
    """Return an even choice of ``most`` force components: reference, found, use, config_type."""
    pairs = [(f, found) for f, found in zip(frames, labels, strict=True) if f.forces is not None]
    reference = np.concatenate([np.empty(0), *(f.forces.ravel() for f, _ in pairs if f.forces is not None)])
    found = np.concatenate([np.empty(0), *(one.forces.ravel() for _, one in pairs)])
    names = np.repeat(_texts([f.config_type for f, _ in pairs]), [3 * f.n_atoms for f, _ in pairs])
    # Strides would take the same component of the same atoms in each frame; a fixed seed keeps pictures the same.
    count = len(reference)
    chosen = np.arange(count)
    if count > most:
        chosen = np.sort(np.random.default_rng(0).choice(count, most, replace=False))
    return reference[chosen], found[chosen], [use] * len(chosen), names[chosen].tolist()


def _voigt(tensors: Sequence[FloatArray]) -> FloatArray:
    return GPA_PER_EV_A3 * np.array([six(tensor) for tensor in tensors], dtype=float).reshape(-1, 6)


def _texts(values: Sequence[str]) -> NDArray[np.str_]:
    return np.array(values, dtype=np.str_)
