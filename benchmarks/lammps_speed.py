"""Atom-steps per second of glasspot's LAMMPS deck against the pair style one would type first.

3000 atoms of liquid BKS silica, 3600 K, 2.2 g/cm3, NVT, 1 fs, one core:

* ``born/coul/dsf`` with LAMMPS's default neighbour list. It lacks the D/r^24 term and the wall, which this temperature
  does not need; everything else is the same.
* glasspot: one fused table per pair (short range, Coulomb, wall), ``table/omp``, a skin of 0.6 A.

The two are run one after the other, again and again, and the ratio is taken within each pair of runs, so that a
machine that changes its speed meanwhile does no harm. The force error is the relative RMS against the closed forms in
double precision.

    python benchmarks/lammps_speed.py [--atoms 3000] [--steps 1000] [--repeats 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from lammps_runs import HEAD, OMP, exact_forces, forces_of, machine, relative_rms, timed_run

from glasspot.engine import deck
from glasspot.engine.base import Simulation
from glasspot.engine.lammps import LammpsEngine
from glasspot.potential.io import load_potential
from glasspot.protocol import Protocol, Stage
from glasspot.structure.frames import Frame
from glasspot.structure.packing import random_packing

TEMPERATURE = 3600.0
VARIANTS = ("born/coul/dsf", "glasspot")


def melt(n_atoms: int, folder: Path) -> Frame:
    """Return liquid silica at 3600 K with velocities."""
    units = n_atoms // 3
    edge = 35.661 * (3 * units / 3000) ** (1 / 3)  # 2.2 g/cm3
    protocol = Protocol(
        "melt",
        (
            Stage("minimise"),
            Stage("nvt", 0.3, TEMPERATURE + 2000, gentle=True),
            Stage("nvt", 1.0, (TEMPERATURE + 2000, TEMPERATURE)),
            Stage("nvt", 1.0, TEMPERATURE),
        ),
    )
    start = random_packing({"Si": units, "O": 2 * units}, edge, seed=1)
    *_, final = LammpsEngine().run(Simulation(load_potential("BKS"), start, protocol, seed=1), folder)
    return final.frame


def script(variant: str, species: tuple[str, ...]) -> str:
    """Return the input script of a variant, up to its runs."""
    motion = f"timestep 0.001\nthermo 1000\nfix motion all nvt temp {TEMPERATURE} {TEMPERATURE} 0.1\n"
    if variant == "glasspot":
        return (
            f"{HEAD}{OMP}read_data start.data\ninclude {deck.INCLUDE}\n"
            f"neighbor {LammpsEngine().skin} bin\nneigh_modify every 1 delay 0 check yes\n{motion}"
        )
    coefficients = []
    potential = load_potential("BKS")
    for i, a in enumerate(species):
        for j, b in enumerate(species[i:], i):
            term = next((t for t in potential.terms(a, b) if t.form == "buckingham"), None)
            numbers = f"{term.A!r} {term.rho!r} 0.0 {term.C!r} 0.0" if term else "0.0 1.0 0.0 0.0 0.0"
            coefficients.append(f"pair_coeff {i + 1} {j + 1} {numbers}\n")
    return f"{HEAD}read_data start.data\npair_style born/coul/dsf 0.25 8.0 8.0\n{''.join(coefficients)}{motion}"


def seconds_per_step(variant: str, frame: Frame, steps: int, folder: Path) -> float:
    """Return the loop time of a run of ``steps``, after a warm-up, over its steps."""
    return timed_run(script(variant, frame.species), steps, folder).seconds_per_step


def force_error(frame: Frame, folder: Path) -> float:
    """Return the relative RMS force error of glasspot's deck against the closed forms."""
    found = forces_of(script("glasspot", frame.species), folder)
    return relative_rms(found, exact_forces(frame, load_potential("BKS")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--atoms", type=int, default=3000)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the numbers there as well")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame = melt(args.atoms, folder)
        (folder / "start.data").write_text(deck.data_text(load_potential("BKS"), frame))
        deck.write_lammps_potential(load_potential("BKS"), frame.species, folder)
        error = force_error(frame, folder)
        times: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
        for repeat in range(args.repeats):
            for variant in VARIANTS:
                times[variant].append(seconds_per_step(variant, frame, args.steps, folder))
            print(
                f"pair {repeat + 1}: " + ", ".join(f"{v} {times[v][-1] * 1e3:.3f} ms/step" for v in VARIANTS),
                flush=True,
            )
    ratios = [slow / fast for slow, fast in zip(times[VARIANTS[0]], times[VARIANTS[1]], strict=True)]
    result = {
        "what": f"liquid BKS silica, {frame.n_atoms} atoms, 8 A, 3600 K, NVT, one core",
        "machine": machine(),
        "steps": args.steps,
        "repeats": args.repeats,
        "atom_steps_per_s": {v: frame.n_atoms / statistics.median(times[v]) for v in VARIANTS},
        "ratio_median": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "force_error": error,
    }
    for variant in VARIANTS:
        print(f"{variant:>14s}  {result['atom_steps_per_s'][variant] / 1e6:.3f} M atom-steps/s (median)")
    print(f"ratio {result['ratio_median']:.2f} (pairs: {min(ratios):.2f} to {max(ratios):.2f})")
    print(f"machine: {result['machine']}")
    print(f"relative RMS force error against the closed forms: {error:.1e}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
