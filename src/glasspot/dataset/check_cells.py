"""Checks of the geometry: lengths in another unit, atoms that are too close, cells that do not fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glasspot.dataset.doubts import Doubt, doubt, grouped, typical
from glasspot.dataset.labelled import LabelledFrame
from glasspot.oxides import element_of
from glasspot.structure.pairs import neighbour_list

TOO_CLOSE = 0.6  # of the sum of the covalent radii (Cordero et al., Dalton Trans. 2008, 2832, as ASE has them)
BONDED = (0.65, 1.5)  # of that sum: where the nearest neighbour of most atoms is found; Bohr would give 1.5 to 2.1
NOBLE = frozenset({"He", "Ne", "Ar", "Kr", "Xe", "Rn"})  # not bonded at all
EMPTY = 0.03  # of the cell filled by atoms with covalent radii; silica has 0.18, AsTe3 0.29, copper 0.8
ODD_VOLUME = 2.0  # times larger or smaller than others of the same kind
LOOKED_AT = 12  # frames, spread evenly, for the nearest neighbours


def check_cells(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    """Return what is doubtful about positions and cells."""
    return [*_lengths(frames), *_too_close(frames), *_volumes(frames), *_empty(frames)]


def _radii(frame: LabelledFrame) -> NDArray[np.float64]:
    from ase.data import atomic_numbers, covalent_radii

    return np.array([covalent_radii[atomic_numbers[element_of(element)]] for element in frame.frame.species])


def _lengths(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    """Compare the distance of nearest neighbours with covalent radii: tells A from Bohr and nm."""
    bonded = [frame for frame in frames if frame.n_atoms > 1 and not NOBLE & set(frame.counts)]
    places = np.unique(np.linspace(0, len(bonded) - 1, min(len(bonded), LOOKED_AT)).round().astype(int))
    ratios = [_nearest(bonded[place]) for place in places]
    if not ratios:
        return []
    ratio = float(np.median(ratios))
    if BONDED[0] <= ratio <= BONDED[1]:
        return []
    unit = "Bohr (multiply by 0.529)" if ratio > 1 else "nm (multiply by 10)" if ratio < 0.2 else "no unit that fits"
    size = f"{ratio:.2f} times" if ratio < 2.2 else "more than 2.2 times"
    return [
        Doubt(
            "units",
            f"nearest neighbours are {size} the sum of their covalent radii apart, where 0.9 to 1.2 is usual",
            (),
            f"Positions and cells must be in A; these look like {unit}.",
        )
    ]


def _nearest(frame: LabelledFrame) -> float:
    """Return the median over atoms of distance to the nearest over the sum of radii; 2.3 where none is near."""
    radii = _radii(frame)
    sums = radii[:, None] + radii[None, :]
    first, second, _, distance = neighbour_list(frame.frame, _reach(frame, 2.2 * sums))
    nearest = np.full(frame.n_atoms, 2.3)
    np.minimum.at(nearest, first, distance / sums[frame.frame.types[first], frame.frame.types[second]])
    return float(np.median(nearest))


def _reach(frame: LabelledFrame, cutoffs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cut-offs, shorter where positions in another unit would give every atom thousands of neighbours.

    The nearest neighbour is always closer than twice the side of the cube that an atom has for itself.
    """
    return np.asarray(np.minimum(cutoffs, 2.0 * (frame.volume / frame.n_atoms) ** (1 / 3)))


def _too_close(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    close: list[LabelledFrame] = []
    across: list[LabelledFrame] = []
    for frame in frames:
        radii = _radii(frame)
        first, second, vector, _ = neighbour_list(
            frame.frame, _reach(frame, TOO_CLOSE * (radii[:, None] + radii[None, :]))
        )
        if not len(first):
            continue
        straight = frame.frame.positions[second] - frame.frame.positions[first]
        (across if (np.abs(vector - straight).max(axis=1) > 1e-6).all() else close).append(frame)
    what = f"atoms are closer than {TOO_CLOSE} of the sum of their covalent radii"
    return [
        *doubt("too-close", what, close, "No glass has that: are the positions in A, and is the frame whole?"),
        *doubt(
            "cell",
            f"{what}, but only through the faces of the cell",
            across,
            "The cell is too small for the positions: is it the cell of these frames, and in A?",
        ),
    ]


def _volumes(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    odd = []
    for group in grouped(frames).values():
        if len(group) < 5:
            continue
        usual = typical([frame.volume / frame.n_atoms for frame in group])
        odd += [f for f in group if not 1 / ODD_VOLUME < f.volume / f.n_atoms / usual < ODD_VOLUME]
    what = "the volume per atom is more than twice, or less than half, that of others of the same kind"
    return doubt("cell", what, odd, "Look whether cell and positions belong together.")


def _empty(frames: Sequence[LabelledFrame]) -> list[Doubt]:
    empty = []
    for frame in frames:
        numbers = np.bincount(frame.frame.types, minlength=len(frame.frame.species))
        if float(numbers @ _radii(frame) ** 3) * 4 / 3 * np.pi < EMPTY * frame.volume:
            empty.append(frame)
    advice = (
        "A molecule, a cluster, a surface, or a cell that is not in A; they teach nothing of the density of a glass."
    )
    return doubt("cell", "the cell is nearly empty", empty, advice)
