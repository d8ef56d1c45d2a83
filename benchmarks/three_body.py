"""BMP with its screened three-body term: the native engine against LAMMPS (nb3b/screened), in turn, on one core each.

    python benchmarks/three_body.py [--pairs 5] [--atoms 1000]

A melt of a sodium borosilicate with BaO at 3000 K, made by the native engine; both engines go on from it in NVT. The
time of a step is the slope between a short and a long run, so that starting and compiling do not count.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from glasspot.composition import Composition, start_box
from glasspot.engine.base import Engine, Simulation
from glasspot.engine.lammps import LammpsEngine
from glasspot.engine.native.engine import NativeEngine
from glasspot.potential.io import load_potential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing

GLASS = "52 SiO2 20 B2O3 20 Na2O 8 BaO"
SHORT, LONG = 0.5, 3.0  # ps


def seconds(engine: Engine, start: Frame, duration: float) -> float:
    """Return the wall time of a run of NVT."""
    protocol = Protocol("nvt", (Stage("nvt", duration, 3000.0),))
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        list(engine.run(Simulation(POTENTIAL, start, protocol, 1), Path(folder)))
        return time.perf_counter() - began


def atom_steps(engine: Engine, start: Frame) -> float:
    """Return atom-steps/s from the slope between two lengths; 1 fs."""
    spent = seconds(engine, start, LONG) - seconds(engine, start, SHORT)
    return start.n_atoms * (LONG - SHORT) * 1000.0 / spent


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--atoms", type=int, default=1000)
    args = parser.parse_args()
    published = load_potential("BMP")
    atoms = Composition.parse(GLASS).atom_counts(args.atoms, published.counting_charges)
    POTENTIAL = published.for_composition(atoms.composition, atoms.counts)
    packing = random_packing(atoms.counts, start_box(atoms, None)[0], seed=1)
    stages = (Stage("minimise"), Stage("nvt", 0.3, 4000.0, gentle=True), Stage("nvt", 2.0, 3000.0))
    with tempfile.TemporaryDirectory() as folder:
        *_, last = NativeEngine().run(Simulation(POTENTIAL, packing, Protocol("melt", stages), 1), Path(folder))
    ratios = []
    for number in range(args.pairs):
        native, lammps = (atom_steps(engine, last.frame) for engine in (NativeEngine(), LammpsEngine()))
        ratios.append(native / lammps)
        print(
            f"pair {number + 1}: native {native / 1e6:.2f}, LAMMPS {lammps / 1e6:.3f} million atom-steps/s", flush=True
        )
    low, high = min(ratios), max(ratios)
    print(f"{last.frame.n_atoms} atoms: native / LAMMPS = {statistics.median(ratios):.1f} ({low:.1f} to {high:.1f})")
