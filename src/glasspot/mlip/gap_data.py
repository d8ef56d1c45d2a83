"""The file that gap_fit reads, and the memory that a fit of it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from glasspot.dataset.labelled import LabelledFrame
from glasspot.mlip.gap_settings import FRAME, ISOLATED, PAIR_SPARSE

ROOM = 25.0  # A, the cell of a free atom, at the least
DOUBLE = 8  # bytes


def data_text(frames: Sequence[LabelledFrame], isolated: Mapping[str, float], cutoff: float) -> str:
    """Return the frames, after the free atoms (element -> energy in eV), as QUIP's extended XYZ.

    A virial is minus a stress times the volume; of a label that a frame has not, nothing is written.
    """
    room = max(ROOM, 4 * cutoff)
    texts = [_isolated_text(element, energy, room) for element, energy in isolated.items()]
    return "".join([*texts, *(_frame_text(frame) for frame in frames)])


def _isolated_text(element: str, energy: float, room: float) -> str:
    lattice = _numbers(np.eye(3) * room)
    return (
        f'1\nLattice="{lattice}" Properties=species:S:1:pos:R:3:force:R:3 config_type={ISOLATED} energy={energy!r} '
        f'pbc="T T T"\n{element} 0.0 0.0 0.0 0.0 0.0 0.0\n'
    )


def _frame_text(frame: LabelledFrame) -> str:
    columns = [frame.frame.positions] if frame.forces is None else [frame.frame.positions, frame.forces]
    words = [
        f'Lattice="{_numbers(frame.frame.cell)}"',
        f"Properties=species:S:1:pos:R:3{':force:R:3' if frame.forces is not None else ''}",
        f"config_type={FRAME}",
        *([] if frame.energy is None else [f"energy={float(frame.energy)!r}"]),
        *([] if frame.stress is None else [f'virial="{_numbers(-frame.stress * frame.volume)}"']),
        'pbc="T T T"',
    ]
    rows = np.concatenate(columns, axis=1)
    lines = [f"{symbol} {_numbers(row)}" for symbol, row in zip(frame.symbols, rows, strict=True)]
    return "\n".join([str(frame.n_atoms), " ".join(words), *lines]) + "\n"


def _numbers(values: np.ndarray) -> str:
    return " ".join(repr(float(value)) for value in np.ravel(values))


def memory_needed(frames: Sequence[LabelledFrame], values: Mapping[str, float]) -> float:
    """Return gap_fit's own estimate of its memory in bytes, which it would print: measured, it took 77 % of that.

    SOAP vectors and their derivatives (nine numbers for each neighbour where there are virials, else three), the
    covariances of the targets with the sparse points, and the matrix that is solved, each with a copy.
    """
    elements = {symbol for frame in frames for symbol in frame.symbols}
    n_radial = int(values["n_max"]) * len(elements)
    length = (int(values["l_max"]) + 1) * n_radial * (n_radial + 1) // 2 + 1
    has_virials = any(frame.stress is not None for frame in frames)
    atoms = {element: sum(frame.counts.get(element, 0) for frame in frames) for element in elements}
    neighbours = sum(_neighbours(frame, values["cutoff"]) + frame.n_atoms for frame in frames)
    vectors = length * (sum(atoms.values()) + (9 if has_virials else 3) * neighbours)
    n_pairs = len(elements) * (len(elements) + 1) // 2
    sparse = PAIR_SPARSE * n_pairs + sum(min(int(values["n_sparse"]), number) for number in atoms.values())
    targets = sum(_targets(frame) for frame in frames)
    covariances, square = sparse * targets, sparse * sparse
    return DOUBLE * float(max(vectors + covariances, 2 * covariances + square + 2 * (covariances + square)))


def _neighbours(frame: LabelledFrame, cutoff: float) -> int:
    from matscipy.neighbours import neighbour_list

    first = neighbour_list(
        "i", cutoff=cutoff, positions=frame.frame.positions, cell=frame.frame.cell, pbc=[True, True, True]
    )
    return len(first)


def _targets(frame: LabelledFrame) -> int:
    forces = 0 if frame.forces is None else 3 * frame.n_atoms
    return (frame.energy is not None) + forces + (0 if frame.stress is None else 6)


def machine_memory() -> tuple[float, float] | None:
    """Return (all, available) memory of this machine in bytes; None where that is not told."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = {line.split(":")[0]: 1024.0 * float(line.split()[1]) for line in lines if line.endswith("kB")}
    if "MemTotal" not in found or "MemAvailable" not in found:
        return None
    return found["MemTotal"], found["MemAvailable"]
