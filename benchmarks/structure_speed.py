"""How fast structure is computed, on one core: python benchmarks/structure_speed.py

Prints, as medians of repeats: 100 frames of 3000 atoms (silica, 2.2 g/cm3) to 10 A, with and without reading them from
a file; the fine histogram that a fit makes of each frame; and everything that `glasspot analyse` computes.
"""

from __future__ import annotations

import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from glasspot.structure.analysis import Options, analyse
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing
from glasspot.structure.pairs import compile_kernels, fine_histogram
from glasspot.structure.pdf import pair_distribution
from glasspot.structure.readers import read_frames, write_frames

SILICA_FORMULA_VOLUME = 35.66**3 / 1000  # A^3 of one SiO2 at 2.2 g/cm3


def silica(n_formulas: int, seed: int) -> Frame:
    """Return a random packing of SiO2 at 2.2 g/cm3: the cost depends on the density and the range, not on the order."""
    length = (n_formulas * SILICA_FORMULA_VOLUME) ** (1 / 3)
    return random_packing({"Si": n_formulas, "O": 2 * n_formulas}, length, seed=seed)


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median wall time of ``work``."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    start = time.perf_counter()
    compile_kernels()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(f"compile the kernels, or load them from the cache: {time.perf_counter() - start:.2f} s")
    few = [silica(1000, seed) for seed in range(5)]
    frames = few * 20
    print(
        f"100 frames of 3000 atoms to 10 A, bins of 0.05 A: {seconds(lambda: pair_distribution(frames, 10.0), 3):.2f} s"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "silica.extxyz"
        write_frames(path, frames)
        took = seconds(lambda: pair_distribution(read_frames(path), 10.0), 3)
    print(f"the same with reading them from extended XYZ: {took:.2f} s")
    took = seconds(lambda: analyse(frames, Options(r_max=10.0)), 3)
    print(f"all that `glasspot analyse` computes of them, r_max = 10 A: {took:.2f} s")
    for n_formulas, r_max in ((108, 8.0), (216, 8.0), (1000, 8.0), (4000, 8.0)):
        frame = silica(n_formulas, 0)
        took = seconds(lambda frame=frame, r_max=r_max: fine_histogram(frame, r_max, 640), 21)
        print(f"fine histogram, {3 * n_formulas} atoms, {r_max:g} A, 640 nodes: {1000 * took:.3f} ms a frame")


if __name__ == "__main__":
    main()
