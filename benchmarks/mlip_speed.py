"""How fast a POD and a GAP of the same glass are in MD, on one core each: atom-steps/s and their ratio.

    python benchmarks/mlip_speed.py POD/potential.toml GAP/potential.toml DATA.extxyz [--repeats 5]

The box is 2 x 2 x 2 copies of the first frame of DATA: 1920 atoms for the AsTe3 set. POD runs in LAMMPS, GAP in
the ASE engine by quippy. They run one after the other, in turns, from the same start. What is counted is processor
time, so that other work on the machine matters little, and the difference of a long run and a short one, so that the
start of a program and the reading of a model do not. The ratio is the median of those of the turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before a library with threads is loaded

from glasspot.dataset.reading import read_dataset
from glasspot.engine.ase_engine import AseEngine
from glasspot.engine.base import Engine, Simulation
from glasspot.engine.lammps import LammpsEngine
from glasspot.potential.io import load_any
from glasspot.potential.learned import AnyPotential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame

COPIES = (2, 2, 2)
TEMPERATURE = 300.0  # K
STEPS = {"lammps": (20, 140), "ase": (2, 10)}  # of the short run and the long one
TIMESTEP = 0.001  # ps


def repeated(frame: Frame) -> Frame:
    """Return ``COPIES`` of a frame in a larger cell."""
    shifts = np.array(list(np.ndindex(*COPIES)), dtype=float) @ frame.cell
    positions = (frame.wrapped()[None] + shifts[:, None]).reshape(-1, 3)
    cell = frame.cell * np.array(COPIES)[:, None]
    return Frame(positions, cell, frame.species, np.tile(frame.types, len(shifts)))


def speed(engine: Engine, potential: AnyPotential, start: Frame) -> float:
    """Return atom-steps in a second of processor time."""
    few, many = STEPS[engine.name]
    seconds = cpu_seconds(engine, potential, start, many) - cpu_seconds(engine, potential, start, few)
    return (many - few) * start.n_atoms / seconds


def cpu_seconds(engine: Engine, potential: AnyPotential, start: Frame, steps: int) -> float:
    """Return the processor time of a run in NVE, of this process and its children."""
    stage = Stage("nve", steps * TIMESTEP, TEMPERATURE, new_velocities=True)
    simulation = Simulation(potential, start, Protocol("speed", (stage,), timestep=TIMESTEP), seed=1)
    began = sum(os.times()[:4])
    with tempfile.TemporaryDirectory() as folder:
        for _ in engine.run(simulation, Path(folder)):
            pass
    return sum(os.times()[:4]) - began


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line each turn, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pod", type=Path)
    parser.add_argument("gap", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args(arguments)
    pod, gap = (load_any(str(path)) for path in (asked.pod, asked.gap))
    start = repeated(read_dataset(asked.data).frames[0].frame)
    print(f"{start.n_atoms} atoms")
    turns = []
    for number in range(asked.repeats):
        pair = speed(LammpsEngine(threads=1), pod, start), speed(AseEngine(), gap, start)
        turns.append(pair)
        print(f"turn {number + 1}: pod {pair[0]:.0f}, gap {pair[1]:.0f} atom-steps/s, ratio {pair[0] / pair[1]:.1f}")
    fast, slow = (statistics.median(column) for column in zip(*turns, strict=True))
    ratio = statistics.median(a / b for a, b in turns)
    print(f"median: pod {fast:.0f}, gap {slow:.0f} atom-steps/s, ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
