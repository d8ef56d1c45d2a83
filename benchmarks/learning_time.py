"""How long a method that learns what glasses do thinks about its next round: training and proposals, many rows known.

    python benchmarks/learning_time.py

The truth is made up: density and four-fold boron of seven glasses, smooth in five parameters, with noise. Rows are
parameter sets times glasses; half of the sets lie anywhere, half near the answer, as in a search that has gone on for a
while. Prints the time of one round on the clock and on the processor; everything runs on one thread.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import numpy as np

GLASSES, PARAMETERS = 7, 5
ROWS = (350, 1400, 2800)
NOISE = np.array([0.015, 0.02])
ANSWER = np.array([0.4, 0.6, 0.3, 0.7, 0.5])


def values(points: np.ndarray) -> np.ndarray:
    """Return density and fraction (n, g, 2) at ``points`` (n, 5)."""
    away = points - ANSWER
    oxide = np.linspace(0.05, 0.75, GLASSES)
    density = 2.5 - 0.3 * oxide + (away @ [0.1, -0.3, 0.05, 0.1, -0.1] + 0.3 * (away**2).sum(1))[:, None]
    bent = away @ [0.5, 3.0, -0.6, 0.2, 0.1]
    fraction = 1.0 / (1.0 + np.exp(-2.0 + 4.0 * oxide - bent[:, None] * (1.0 + oxide)))
    return np.stack([density + 0.1 * bent[:, None] * oxide, fraction], axis=2)


def aims() -> Any:
    """Return what is wanted of the seven glasses."""
    from glasspot.search.aims import Aims

    target = values(ANSWER[None])[0]
    oxide = np.linspace(0.05, 0.75, GLASSES)
    where = np.arange(target.size).reshape(target.shape)
    one = np.ones(target.shape)
    return Aims(
        tuple(f"{100 * x:.0f}B" for x in oxide), np.stack([oxide, 0.75 - oxide], axis=1), ("density", "fraction_B4"),
        (False, True), where, one.astype(int), target, one, target.ravel(),
    )  # fmt: skip


def told(sets: int, aim: Any) -> list[Any]:
    """Return what was told of so many parameter sets."""
    from glasspot.search.proposer import Evaluation

    rng = np.random.default_rng(sets)
    near = np.clip(ANSWER + 0.1 * rng.standard_normal((sets, PARAMETERS)), 0, 1)
    points = np.where(rng.random(sets)[:, None] < 0.5, near, rng.random((sets, PARAMETERS)))
    found = values(points) + NOISE * rng.standard_normal((sets, GLASSES, 2))
    return [Evaluation(p, float(np.sqrt(aim.loss(x))), curves=x.ravel()) for p, x in zip(points, found, strict=True)]


def methods(aim: Any) -> dict[str, Any]:
    """Return the methods, each at its start."""
    from glasspot.search.learning import ActiveLearning
    from glasspot.search.multi_objective import MultiObjective

    windows = np.tile([0.0, 1.0], (PARAMETERS, 1))
    start = np.full(PARAMETERS, 0.5)
    ours = MultiObjective(start=start, seed=1, aims=aim, windows=windows, move=False)
    paper = ActiveLearning(start=start, seed=1, aims=aim, windows=windows, move=False, start_points=20)
    return {"multi-objective": ours, "active-learning": paper}


def seconds(method: Any, evaluations: list[Any]) -> tuple[float, float, int]:
    """Return the time on the clock and on the processor (s) of one round, and its points."""
    method.tell(evaluations)
    began = time.perf_counter(), time.process_time()
    points = len(method.ask(1))
    return time.perf_counter() - began[0], time.process_time() - began[1], points


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    args = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    aim = aims()
    for method in methods(aim).values():  # what is imported once is not counted
        seconds(method, told(30, aim))
    print("| method | parameter sets | rows | points | one round, s | on the processor, s |")
    print("|---|---|---|---|---|---|")
    for rows in args.rows:
        for name, method in methods(aim).items():
            wall, processor, points = seconds(method, told(rows // GLASSES, aim))
            print(f"| {name} | {rows // GLASSES} | {rows} | {points} | {wall:.1f} | {processor:.1f} |", flush=True)


if __name__ == "__main__":
    main()
