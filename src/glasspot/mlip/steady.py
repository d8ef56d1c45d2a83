"""Does a melt stay with what the model knows? Atoms are thrown at random and heated, as every quench begins.

No configuration of a glass lies far below the lowest energy of its data, and no atom has many more close neighbours of
a kind than any atom of the data. Where a melt finds such a thing, the model is wrong there, and the frames on the way
are what it must be told of (:mod:`glasspot.mlip.prior`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glasspot.dataset.labelled import LabelledFrame
from glasspot.engine.base import EngineFailure, Simulation
from glasspot.engine.lammps import LammpsEngine
from glasspot.mlip.design import labels_of
from glasspot.potential.learned import LearnedPotential, distances_of
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing
from glasspot.structure.pairs import neighbour_list

TOO_LOW = 0.05  # eV/atom below the lowest energy of the data: no melt is there, and no glass
COLDEST_MELT = 1000.0  # K, where the data tell no temperature
CLOSE = 1.4  # times the closest pair of a kind: a close neighbour
CROWDED = 2  # more close neighbours of a kind than any atom of the data has: a clump
MELT_PS, EVERY_PS = 2.5, 0.1
MOST = 8  # frames that one melt tells of


@dataclass(frozen=True)
class Melt:
    """Which melt is tried. counts: atoms of each element; length: of the cubic cell, A; lowest: eV/atom of the data.

    most: (element of an atom, element of its neighbours) -> the most close neighbours that an atom of the data has.
    """

    counts: Mapping[str, int]
    length: float
    temperature: float
    lowest: float
    most: Mapping[tuple[str, str], int]


def melt_like(frames: Sequence[LabelledFrame], closest: Mapping[str, float]) -> Melt:
    """Return a melt like the frame with the median volume per atom, as hot as the hottest of the data."""
    typical = sorted(frames, key=lambda frame: frame.volume / frame.n_atoms)[len(frames) // 2]
    same = [frame for frame in frames if frame.counts == typical.counts]
    hottest = max((frame.temperature or 0.0 for frame in frames), default=0.0)
    lowest = min(labels_of(frame)[0] / frame.n_atoms for frame in same)
    most: dict[tuple[str, str], int] = {}
    for frame in frames:
        for pair, number in close_neighbours(frame.frame, closest).items():
            most[pair] = max(number, most.get(pair, 0))
    return Melt(typical.counts, typical.volume ** (1 / 3), max(COLDEST_MELT, hottest), lowest, most)


def close_neighbours(frame: Frame, closest: Mapping[str, float]) -> dict[tuple[str, str], int]:
    """Return for each pair of elements the most close neighbours of the second that an atom of the first has."""
    reach = distances_of(closest, CLOSE)
    cutoffs = np.array([[reach.get((a, b), reach.get((b, a), 0.0)) for b in frame.species] for a in frame.species])
    if not cutoffs.any():
        return {}
    first, second, _, _ = neighbour_list(frame, cutoffs)
    found = {}
    for k, a in enumerate(frame.species):
        for m, b in enumerate(frame.species):
            of_pair = first[(frame.types[first] == k) & (frame.types[second] == m)]
            found[a, b] = int(np.bincount(of_pair).max()) if len(of_pair) else 0
    return found


def fallen(potential: LearnedPotential, melt: Melt, seed: int, folder: Path) -> list[Frame]:
    """Return frames in which a melt of the model lies below all it was told of, or clumps; none where it stays a melt.

    folder: of the run. A run that ends badly (atoms lost) tells its last frames.
    """
    start = random_packing(melt.counts, melt.length, seed, distances_of(potential.closest))
    protocol = Protocol(
        "melt",
        (
            Stage("minimise"),
            Stage("nvt", 0.3, melt.temperature, gentle=True),
            Stage("nvt", MELT_PS, melt.temperature, sample_every=EVERY_PS),
        ),
    )
    low: list[Frame] = []
    last: list[Frame] = []
    run = LammpsEngine().run(Simulation(potential, start, protocol, seed), folder)
    try:
        for sample in run:
            last = [*last[-2:], sample.frame]
            if sample.energy_eV / start.n_atoms < melt.lowest - TOO_LOW or _clumps(sample.frame, potential, melt):
                low.append(sample.frame)
            if len(low) == MOST:
                break
    except EngineFailure as failure:
        if failure.reason in ("no-program", "killed", "time-limit"):
            raise
        # A packing gives off heat as it melts; that alone is no fall.
        return low if low or failure.reason == "too-hot" else last
    finally:
        run.close()  # type: ignore[attr-defined]  # a generator: closing it stops the program
    return low


def _clumps(frame: Frame, potential: LearnedPotential, melt: Melt) -> bool:
    """Tell whether an atom has many more close neighbours of a kind than any of the data."""
    found = close_neighbours(frame, potential.closest)
    return any(number > melt.most.get(pair, 0) + CROWDED for pair, number in found.items())
