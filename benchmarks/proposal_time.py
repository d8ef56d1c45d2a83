"""How long Bayesian optimisation thinks about its next point, with many evaluated points in 10 dimensions.

    python benchmarks/proposal_time.py

The cost is a noisy valley; a fifth of the points failed. Half of the points are anywhere, half near the answer, as in a
search that has gone on for a while. Once with the cost alone, once with curves of 480 values. Prints the median and the
longest of five proposals, each of another set of points; the time on the processor counts no other work of the machine.
"""

from __future__ import annotations

import time

import numpy as np

from glasspot.search.bayes import Bayes
from glasspot.search.proposer import Evaluation

DIMENSIONS = 10
VALUES = 480
REPEATS = 5


def evaluations(points: int, seed: int) -> list[Evaluation]:
    """Return what was told of so many points: curves that follow the point with a bend, and noise of 2 %."""
    rng = np.random.default_rng([seed, points])
    shapes = np.random.default_rng(0).standard_normal((VALUES, DIMENSIONS)) / np.sqrt(VALUES)
    near = rng.random(points) < 0.5
    at = np.where(
        near[:, None], 0.5 + 0.1 * rng.standard_normal((points, DIMENSIONS)), rng.random((points, DIMENSIONS))
    )
    told = []
    for u in np.clip(at, 0, 1):
        away = u - 0.5
        curves = shapes @ (away + 0.5 * away**2) + 0.02 / np.sqrt(VALUES) * rng.standard_normal(VALUES)
        failed = u[0] > 0.75 and rng.random() < 0.8
        cost = float(np.linalg.norm(curves))
        told.append(Evaluation(u, None) if failed else Evaluation(u, cost, 0.02 * cost, curves=curves))
    return told


def seconds(points: int, with_curves: bool) -> np.ndarray:
    """Return the wall time and the time of the processor (s) of each proposal of one point, (repeats, 2)."""
    found = []
    for seed in range(REPEATS):
        reference = np.zeros(VALUES) if with_curves else None
        bayes = Bayes(start=np.full(DIMENSIONS, 0.5), seed=seed, start_points=20, reference=reference)
        bayes.tell(evaluations(points, seed))
        began = time.perf_counter(), time.process_time()
        bayes.ask(1)
        found.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    return np.array(found)


def main() -> None:
    """Print a Markdown table."""
    seconds(30, False)  # what is imported once is not counted
    print("| evaluated points | model of | median of 5, s | longest, s | median on the processor, s |")
    print("|---|---|---|---|---|")
    for points in (50, 100, 200, 500):
        for with_curves in (False, True):
            wall, processor = seconds(points, with_curves).T
            what = "curves" if with_curves else "cost"
            print(
                f"| {points} | {what} | {np.median(wall):.2f} | {max(wall):.2f} | {np.median(processor):.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
