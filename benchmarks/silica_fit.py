"""How many MD runs a fit of partial PDFs needs: target the published ML liquid, start BKS, some seeds and sizes.

    python benchmarks/silica_fit.py --out runs/benchmark-silica --seeds 1 2 3 --atoms 324 648

Each fit is `glasspot fit` with one replica an evaluation, so an evaluation is one MD run. Prints, for each, the
number of MD runs until R_chi (of that run itself, against the target) is below 8.77 %, the published R_chi of the ML
set against CPMD, and below 2 %; R_chi on independent validation runs; and the noise floor: what a perfect model gets.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LEVELS = (0.0877, 0.02)

TEMPLATE = """
title = "benchmark: ML liquid, {atoms} atoms, seed {seed}"
seed = {seed}
[potential]
start = "BKS"
free = ["charge.Si", "Si-O.A", "Si-O.rho", "Si-O.C", "O-O.A", "O-O.rho", "O-O.C"]
[system]
composition = "SiO2"
atoms = {atoms}
density = 2.2
temperature = 3600
[md]
replicas = 1
equilibrate_ps = 3
sample_ps = {sample}
[reference]
runs = 4
equilibrate_ps = 10
sample_ps = 30
[fit]
max_runs = {max_runs}
candidates = 2
[validation]
runs = 3
equilibrate_ps = 8
sample_ps = 10
[run]
workers = 1
"""
TARGET = """
[[target]]
pair = "{pair}"
reference = "ML"
range = [0.0, 8.0]
"""


def one_fit(out: Path, atoms: int, seed: int, sample: float, max_runs: int) -> dict:
    """Run one fit in a folder of its own and return its status."""
    folder = out / f"{atoms}-{seed}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    settings = out / f"{atoms}-{seed}.toml"
    text = TEMPLATE.format(atoms=atoms, seed=seed, sample=sample, max_runs=max_runs)
    settings.write_text(text + "".join(TARGET.format(pair=pair) for pair in ("Si-O", "O-O", "Si-Si")))
    command = [sys.executable, "-m", "glasspot", "fit", str(settings), "--out", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    answer = subprocess.run(
        [sys.executable, "-m", "glasspot", "status", str(folder), "--json"], check=True, capture_output=True
    )
    return json.loads(answer.stdout)


def runs_to(history: list[dict], level: float) -> int | None:
    """Return the MD run at which R_chi was first below ``level``."""
    return next((h["run"] for h in history if h["cost"] is not None and h["cost"] < level), None)


def main() -> None:
    """Run the fits, two at a time, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--atoms", type=int, nargs="+", default=[324, 648])
    parser.add_argument("--sample-ps", type=float, default=8.0)
    parser.add_argument("--max-runs", type=int, default=14)
    args = parser.parse_args()
    cases = [(atoms, seed) for atoms in args.atoms for seed in args.seeds]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda case: one_fit(args.out, *case, args.sample_ps, args.max_runs), cases))
    print(
        "| atoms | seed | runs to < 8.77 % | runs to < 2 % | lowest R_chi | validated R_chi | noise floor | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for (atoms, seed), status in zip(cases, found, strict=True):
        first, second = (runs_to(status["history"], level) or "never" for level in LEVELS)
        validation = status["validation"]
        best, floor = 100 * status["best"]["cost"], 100 * status["noise_floor"]
        scored = f"{100 * validation['cost']:.2f} ± {100 * validation['error']:.2f} %"
        row = (atoms, seed, first, second, f"{best:.2f} %", scored, f"{floor:.2f} %", f"{status['seconds']:.0f}")
        print("| " + " | ".join(map(str, row)) + " |")


if __name__ == "__main__":
    main()
