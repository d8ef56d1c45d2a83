"""Does a melt stay with what the model knows? Atoms are thrown at random and heated, as every quench begins.

No configuration of a glass lies far below the lowest energy of its data. Where a melt finds one, the model is wrong
there, and the frames on the way down are what it must be told of (:mod:`glasspot.mlip.prior`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from glasspot.dataset.labelled import LabelledFrame
from glasspot.engine.base import EngineFailure, Simulation
from glasspot.engine.lammps import LammpsEngine
from glasspot.mlip.design import labels_of
from glasspot.mlip.prior import room
from glasspot.potential.learned import LearnedPotential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing

TOO_LOW = 0.05  # eV/atom below the lowest energy of the data: no melt is there, and no glass
COLDEST_MELT = 1000.0  # K, where the data tell no temperature
MELT_PS, EVERY_PS = 2.5, 0.1
MOST = 8  # frames that one melt tells of


@dataclass(frozen=True)
class Melt:
    """Which melt is tried. counts: atoms of each element; length: of the cubic cell, A; lowest: eV/atom of the data."""

    counts: Mapping[str, int]
    length: float
    temperature: float
    lowest: float


def melt_like(frames: Sequence[LabelledFrame]) -> Melt:
    """Return a melt like the frame with the median volume per atom, as hot as the hottest of the data."""
    typical = sorted(frames, key=lambda frame: frame.volume / frame.n_atoms)[len(frames) // 2]
    same = [frame for frame in frames if frame.counts == typical.counts]
    hottest = max((frame.temperature or 0.0 for frame in frames), default=0.0)
    lowest = min(labels_of(frame)[0] / frame.n_atoms for frame in same)
    return Melt(typical.counts, typical.volume ** (1 / 3), max(COLDEST_MELT, hottest), lowest)


def fallen(potential: LearnedPotential, melt: Melt, seed: int) -> list[Frame]:
    """Return frames in which a melt of the model lies below all it was told of; none where it stays a melt.

    A run that ends badly (atoms lost) tells its last frames.
    """
    start = random_packing(melt.counts, melt.length, seed, room(potential.closest))
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
    with tempfile.TemporaryDirectory(prefix="glasspot-melt-") as folder:
        run = LammpsEngine().run(Simulation(potential, start, protocol, seed), Path(folder))
        try:
            for sample in run:
                last = [*last[-2:], sample.frame]
                if sample.energy_eV / start.n_atoms < melt.lowest - TOO_LOW:
                    low.append(sample.frame)
                if len(low) == MOST:
                    break
        except EngineFailure as failure:
            if failure.reason in ("no-program", "time-limit"):
                raise
            # A packing gives off heat as it melts; that alone is no fall.
            return low if low or failure.reason == "too-hot" else last
        finally:
            run.close()  # type: ignore[attr-defined]  # a generator: closing it stops the program
    return low
