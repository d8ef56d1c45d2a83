"""The sums that a linear model is fitted from, frame by frame, kept on disk: any fit adds up those of its frames.

Notation, for m coefficients c of the model and one frame of n atoms:

    g (m,)        descriptors: energy = g . c
    D (m, 3n)     their derivatives: forces F = D^T c
    S (6, m)      strain derivatives: volume times stress = S c
    N = D D^T (m, m),  b = D F_ref (m,),  f2 = F_ref . F_ref

Then sum (F - F_ref)^2 = c N c - 2 b c + f2: errors of a fit need no more than its sums. The upper triangle of N is
kept: 0.9 MB a frame for m = 474.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.labelled import LabelledFrame, six
from glasspot.errors import GlasspotError
from glasspot.execute.local import LocalPool
from glasspot.files import replacing
from glasspot.mlip.pod_basis import PodBasis
from glasspot.mlip.pod_descriptors import describe, strain_derivatives

FloatArray = NDArray[np.float64]
BATCH = 8  # frames of one task: the start of LAMMPS is a small part of it, and a kill loses little
OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class Row:
    """What the notes above call g, N, b, f2, S of one frame, with its labels. strain is None where it has no stress."""

    values: FloatArray
    normal: FloatArray
    moment: FloatArray
    square: float
    strain: FloatArray | None
    n_atoms: int
    volume: float
    energy: float
    virial: FloatArray | None  # (6,) volume times the reference stress, eV


def row_name(frame: LabelledFrame) -> str:
    """Return the file name of a frame's row: of its configuration and the labels that enter the sums."""
    forces = b"" if frame.forces is None else np.round(frame.forces, 9).tobytes()
    return hashlib.sha256(frame.key.encode() + forces + (b"stress" if frame.stress is not None else b"")).hexdigest()[
        :24
    ]


class Design:
    """Rows of a basis in ``folder``: made where they are missing, in parallel, each kept as soon as it is there.

    offsets: eV of each element that energies count from, so that 1e-5 of a meV survives energies of 100 keV.
    """

    def __init__(self, basis: PodBasis, offsets: Mapping[str, float], folder: Path, workers: int) -> None:
        self.basis = basis
        self.offsets = offsets
        self.folder = folder / basis.key
        self.workers = workers

    def path(self, frame: LabelledFrame) -> Path:
        """Return where the row of a frame stands."""
        return self.folder / f"{row_name(frame)}.npy"

    def make(self, frames: Sequence[LabelledFrame], on_step: OnStep | None = None) -> None:
        """Compute the rows that are not there yet; ``on_step(done, in all)`` after each batch."""
        for frame in frames:
            labels_of(frame)
        missing = [frame for frame in {row_name(f): f for f in frames}.values() if not self.path(frame).exists()]
        if not missing:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        batches = [missing[k : k + BATCH] for k in range(0, len(missing), BATCH)]
        workers = min(self.workers, len(batches))
        if workers == 1:
            for done, batch in enumerate(batches, 1):
                _write_rows(self.basis, batch, self.folder)
                _tell(on_step, min(done * BATCH, len(missing)), len(missing))
            return
        executor = LocalPool(workers)
        try:
            tasks = [executor.submit(_write_rows, self.basis, batch, self.folder) for batch in batches]
            for done, task in enumerate(as_completed(tasks), 1):
                task.result()
                _tell(on_step, min(done * BATCH, len(missing)), len(missing))
        except BaseException:  # Ctrl-C too: the workers must not go on alone
            executor.stop()
            raise
        executor.shutdown()

    def rows(self, frames: Sequence[LabelledFrame]) -> Iterator[Row]:
        """Yield the rows of ``frames``, which have been made, one at a time."""
        for frame in frames:
            yield _unpack(np.load(self.path(frame), allow_pickle=False), frame, self.offsets)


def _tell(on_step: OnStep | None, done: int, in_all: int) -> None:
    if on_step is not None:
        on_step(done, in_all)


def _write_rows(basis: PodBasis, frames: Sequence[LabelledFrame], folder: Path) -> None:
    """Compute and keep the rows of ``frames``; runs on a worker."""
    described = describe(basis, [frame.frame for frame in frames], work=folder)
    stressed = [frame for frame in frames if frame.stress is not None]
    bent = strain_derivatives(basis, [frame.frame for frame in stressed], folder) if stressed else []
    strains = iter(bent)
    for frame, found in zip(frames, described, strict=True):
        forces = labels_of(frame)[1].ravel()
        upper = np.triu_indices(len(found.values))
        parts = [found.values, found.derivatives @ forces, (found.derivatives @ found.derivatives.T)[upper]]
        if frame.stress is not None:
            parts.append(next(strains).ravel())
        with replacing(folder / f"{row_name(frame)}.npy") as temporary:
            np.save(temporary, np.concatenate([[float(len(found.values))], *parts]))


def _unpack(kept: FloatArray, frame: LabelledFrame, offsets: Mapping[str, float]) -> Row:
    size = int(kept[0])
    values, moment, triangle, strain = np.split(kept[1:], np.cumsum([size, size, size * (size + 1) // 2]))
    normal = np.zeros((size, size))
    normal[np.triu_indices(size)] = triangle
    normal += np.triu(normal, 1).T
    energy, forces = labels_of(frame)
    return Row(
        values=values,
        normal=normal,
        moment=moment,
        square=float(np.sum(np.square(forces))),
        strain=strain.reshape(6, size) if len(strain) else None,
        n_atoms=frame.n_atoms,
        volume=frame.volume,
        energy=energy - sum(count * offsets[name] for name, count in frame.counts.items()),
        virial=virial_of(frame),
    )


def labels_of(frame: LabelledFrame) -> tuple[float, FloatArray]:
    """Return energy and forces of a frame; GlasspotError where one is missing."""
    if frame.energy is None or frame.forces is None:
        raise GlasspotError(f"{frame.origin or 'a frame'} has no energy or no forces; a fit needs both.")
    return frame.energy, frame.forces


def virial_of(frame: LabelledFrame) -> FloatArray | None:
    """Return volume times stress (6,) in eV, in the order of VOIGT; None where the frame has no stress."""
    if frame.stress is None:
        return None
    return frame.volume * six(frame.stress)
