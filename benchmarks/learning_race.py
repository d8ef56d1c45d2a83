"""The race of methods that learn what glasses do: MD evaluations until the best set of parameters is found.

    python benchmarks/learning_race.py --out runs/learning_race.json --plot runs/learning_race.png
    python benchmarks/learning_race.py --join a.json b.json --out runs/learning_race.json   # of races run in parts

The truth is a smooth model of the MD of the authors of the active-learning loop: density and four-fold boron of seven
soda-lime borosilicate glasses over five parameters, taught by their 50 published sets (borosilicate_md_trials.csv). A
run gives the truth with noise of 0.015 g/cm3 and 0.02 in four-fold boron, about what Gaussian processes find in their
MD (0.0147 and 0.0166). An evaluation is one set of parameters, run on all seven glasses. The loss is that of the paper,
the sum of the squared deviations of density (g/cm3) and fraction from experiment. Windows, fixed: +-15 % of Wang et al.
2018, rho(B-O) -5 to +15 %.

Counted are the evaluations told when a method first holds a set whose true loss is within 5 % of the best loss in the
windows, in two senses: `known`, the set that the method itself would recommend from its noisy runs; `met`, any set that
it evaluated, known or not. Counts are those at the end of a round.

    paper         the loop as printed: 230 start points by grid and at random, then the ten of each iteration, its net
    paper, small  the same after our start set: 20 points of a Sobol set
    ours          multi-objective, 20 start points, then rounds of five

Both loops of the paper keep the equal objective in all iterations (the printed second phase weights boron by the
glass, another loss than the one that is raced for). Each method goes on until `known`, or its last evaluation.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "borosilicate_md_trials.csv"
GLASSES = ("6B", "12B", "24B", "37B", "50B", "62B", "75B")
# mol% of B2O3, SiO2, Na2O, CaO
COMPOSITION = np.array([
    [4.9, 69.3, 16.1, 9.8], [10.8, 63.8, 14.8, 10.6], [21.9, 51.6, 15.5, 11.0], [38.4, 36.9, 14.1, 10.6],
    [49.3, 24.9, 15.0, 10.8], [62.0, 12.7, 14.9, 10.4], [74.1, 0.0, 15.4, 10.5],
])  # fmt: skip
# Of A, rho, C of B-O and A, rho of B-B, over those of Wang et al.
LOW, HIGH = np.array([-0.15, -0.05, -0.15, -0.15, -0.15]), np.full(5, 0.15)
NOISE = np.array([0.015, 0.02])
WITHIN = 0.05
METHODS = ("paper", "paper, small", "ours")
START_POINTS = {"paper": 230, "paper, small": 20, "ours": 20}
BUDGET = {"paper": 400, "paper, small": 200, "ours": 200}  # 230 + 17 x 10, as printed; 20 + 18 x 10; 20 + 36 x 5


@dataclass(frozen=True)
class Trials:
    """The published sets: points of the cube (n, 5), values (n, 7, 2), and the experiment (7, 2)."""

    points: np.ndarray
    values: np.ndarray
    target: np.ndarray


def trials(path: Path) -> Trials:
    """Read the published sets."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    densities, fractions = slice(7, 14), slice(15, 22)
    numbers = {row[0]: row for row in rows}
    wang = np.array(numbers["Original"][1:6], dtype=float)
    sets = [row for row in rows if row[0].startswith("trial")]
    moved = np.array([row[1:6] for row in sets], dtype=float) / wang - 1.0
    of = np.array([[row[densities], row[fractions]] for row in (*sets, numbers["Target"])], dtype=float)
    values = np.swapaxes(of, 1, 2)
    return Trials((moved - LOW) / (HIGH - LOW), values[:-1], values[-1])


START = -LOW / (HIGH - LOW)  # Wang et al.


def aims_of(target: np.ndarray) -> Any:
    """Return what is wanted: density and fraction of each glass, with scale 1, so that R_chi^2 is the paper's loss."""
    from glasspot.search.aims import Aims

    one = np.ones(target.shape)
    where = np.arange(target.size).reshape(target.shape)
    fractions = COMPOSITION / COMPOSITION.sum(1, keepdims=True)
    return Aims(
        GLASSES,
        fractions,
        ("density", "fraction_B4"),
        (False, True),
        where,
        one.astype(int),
        target,
        one,
        target.ravel(),
    )


class Truth:
    """The mean of a surrogate of the published sets."""

    def __init__(self, path: Path, surrogate: str) -> None:
        from glasspot.search.proposer import Evaluation
        from glasspot.surrogate.models import make_surrogate

        data = trials(path)
        self.aims = aims_of(data.target)
        self.model = make_surrogate(surrogate, 0)
        known = [Evaluation(p, 0.0, curves=v.ravel()) for p, v in zip(data.points, data.values, strict=True)]
        self.model.fit(self.aims.rows(known))

    def values(self, points: np.ndarray) -> np.ndarray:
        """Return density and fraction of all glasses (n, 7, 2) at ``points`` (n, 5)."""
        return np.asarray(self.aims.by_glass(self.model.predict(self.aims.inputs(points)).mean))

    def loss(self, points: np.ndarray) -> np.ndarray:
        """Return the loss (n,) without noise."""
        return np.asarray(self.aims.loss(self.values(np.clip(points, 0.0, 1.0))))

    def best(self) -> tuple[np.ndarray, float]:
        """Return the point of least loss in the windows: a Sobol set of 8192, a simplex from its best 16."""
        from scipy.optimize import minimize
        from scipy.stats import qmc

        points = qmc.Sobol(5, rng=np.random.default_rng(0)).random(8192)
        losses = np.concatenate([self.loss(part) for part in np.array_split(points, 16)])
        options = {"maxiter": 800, "xatol": 1e-4, "fatol": 1e-7}
        found = [
            minimize(lambda u: float(self.loss(u[None])[0]), first, method="Nelder-Mead", options=options)
            for first in points[np.argsort(losses)[:16]]
        ]
        least = min(found, key=lambda one: one.fun)
        return np.clip(least.x, 0.0, 1.0), float(least.fun)

    def run(self, point: np.ndarray, rng: np.random.Generator) -> Any:
        """Return the evaluation of a point: all glasses, with noise; fractions stay fractions."""
        from glasspot.search.proposer import Evaluation

        found = self.values(point[None])[0] + NOISE * rng.standard_normal((len(GLASSES), 2))
        found[:, 1] = np.clip(found[:, 1], 0.0, 1.0)
        return Evaluation(point, float(np.sqrt(self.aims.loss(found))), curves=found.ravel())


def method_of(name: str, aims: Any, seed: int) -> Any:
    """Return a method at its start."""
    from glasspot.search.learning import ActiveLearning
    from glasspot.search.multi_objective import MultiObjective

    given = {
        "start": START, "seed": seed, "aims": aims, "windows": np.tile([0.0, 1.0], (5, 1)), "move": False,
        "start_points": START_POINTS[name],
    }  # fmt: skip
    if name == "ours":
        return MultiObjective(**given, batch=5)
    if name == "paper":
        return ActiveLearning(**given, weights=(None, None))
    return ActiveLearning(**given, weights=(None, None), start_set="sobol", iterations=(8, 10))


def race(case: tuple[str, int], truth: Truth, best: float) -> dict[str, Any]:
    """Run one method with one seed; return what the JSON keeps: a row for each round."""
    name, seed = case
    method = method_of(name, truth.aims, seed)
    rng = np.random.default_rng([seed, 99])
    began, told, rounds = time.process_time(), 0, []
    met = float("inf")
    for batch in batches(method, START_POINTS[name], BUDGET[name]):
        losses = truth.loss(np.array([p.point for p in batch]))
        told, met = told + len(batch), min(met, float(losses.min()))
        method.tell([truth.run(p.point, rng) for p in batch])
        repeats = sum(p.note == "repeat" for p in batch)
        known = float(truth.loss(method.recommended(1)[0][None])[0])
        rounds.append({"evaluations": told, "known": known / best, "met": met / best, "repeats": repeats})
        if known <= (1.0 + WITHIN) * best:
            break
    seconds = time.process_time() - began
    print(
        f"{name}, seed {seed}: {told} evaluations, {rounds[-1]['known']:.3f} of the best, {seconds:.0f} s", flush=True
    )
    return {"method": name, "seed": seed, "rounds": rounds, "cpu_s": round(seconds, 1)}


def batches(method: Any, start_points: int, budget: int) -> Iterator[list[Any]]:
    """Yield what a method asks for, its start set in one, until the budget is spent."""
    told = 0
    while told < budget:
        batch = method.ask(start_points if told == 0 else 1)[: budget - told]
        told += len(batch)
        yield batch


def first(run: dict[str, Any], sense: str) -> int | None:
    """Return the evaluations told when a run was first within 5 %; None if never."""
    return next((r["evaluations"] for r in run["rounds"] if r[sense] <= 1.0 + WITHIN), None)


def table(runs: Sequence[dict[str, Any]]) -> str:
    """Return the Markdown table: medians, and the numbers of the seeds side by side."""
    lines = ["| method | known: median | each seed | met: median | each seed | CPU s |", "|---|---|---|---|---|---|"]
    for method in METHODS:
        own = [run for run in runs if run["method"] == method]
        if not own:
            continue
        cells = [method]
        for sense in ("known", "met"):
            counts = [first(run, sense) for run in own]
            never = f"> {BUDGET[method]}"
            middle = statistics.median(np.inf if n is None else n for n in counts)
            cells += [f"{middle:g}" if middle < np.inf else never, " / ".join(str(n or never) for n in counts)]
        lines.append("| " + " | ".join([*cells, f"{statistics.median(run['cpu_s'] for run in own):.0f}"]) + " |")
    return "\n".join(lines)


def plot(runs: Sequence[dict[str, Any]], path: Path, title: str) -> None:
    """Draw the true loss of the recommended set over the best loss, against evaluations: each seed, and the median."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.0, 4.6), layout="constrained")
    for number, method in enumerate(METHODS):
        own = [run for run in runs if run["method"] == method]
        if not own:
            continue
        counts = np.array(sorted({r["evaluations"] for run in own for r in run["rounds"]}))
        lines = np.array([at_counts(run, counts) for run in own])
        style = {"color": f"C{number}", "drawstyle": "steps-post"}
        axis.plot(counts, 100 * lines.T, alpha=0.2, lw=0.8, **style)
        axis.plot(counts, 100 * np.median(lines, axis=0), label=f"{method}: median and each seed", lw=2, **style)
    axis.axhline(100 * WITHIN, color="0.4", lw=0.8, ls="--")
    axis.set(xscale="log", yscale="log", xlabel="evaluations (one parameter set on all seven glasses)", title=title)
    axis.set_ylabel("loss of the recommended set above the best, %")
    percents = [p for p in (1, 2, 5, 10, 20, 50, 100, 200, 500) if axis.get_ylim()[0] <= p <= axis.get_ylim()[1]]
    axis.set_yticks(percents, [str(p) for p in percents])
    axis.set_yticks([], minor=True)
    ticks = [n for n in (20, 50, 100, 200, 400) if n <= axis.get_xlim()[1]]
    axis.set_xticks(ticks, [str(n) for n in ticks])
    axis.set_xticks([], minor=True)
    axis.legend()
    figure.savefig(path, dpi=150)


def at_counts(run: dict[str, Any], counts: np.ndarray) -> np.ndarray:
    """Return the excess of a run's recommended set after each of ``counts`` evaluations; nan before its first round."""
    known = [np.nan, *(max(r["known"] - 1.0, 1e-3) for r in run["rounds"])]
    return np.array(known)[np.searchsorted([r["evaluations"] for r in run["rounds"]], counts, side="right")]


def run_all(args: argparse.Namespace) -> dict[str, Any]:
    """Run the race; return what the JSON holds."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    truth = Truth(args.data, args.truth)
    best_point, best = truth.best()
    about = {
        "truth": args.truth, "noise": NOISE.tolist(), "noise_found": np.asarray(truth.model.noise).tolist(),
        "best": best, "best_point": best_point.tolist(), "start": float(truth.loss(START[None])[0]),
    }  # fmt: skip
    print(about, flush=True)
    cases = [(method, seed) for method in args.methods for seed in args.seeds]
    with ProcessPoolExecutor(args.workers) as pool:
        return {**about, "runs": list(pool.map(partial(race, truth=truth, best=best), cases))}


def joined(paths: Sequence[Path]) -> dict[str, Any]:
    """Return the race whose parts are kept in ``paths``, all of the same truth."""
    parts = [json.loads(path.read_text()) for path in paths]
    if len({(part["truth"], round(part["best"], 8)) for part in parts}) > 1:
        raise SystemExit("these are races of different truths")
    return {**parts[0], "runs": [run for part in parts for run in part["runs"]]}


def main() -> None:
    """Run the race and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON of all runs")
    parser.add_argument("--plot", type=Path, help="PNG of the recommended set's loss against evaluations")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--truth", default="gaussian-process", help="the surrogate whose mean is the truth")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 11)))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--join", type=Path, nargs="+", help="run nothing: put the JSON of these together")
    args = parser.parse_args()
    kept = joined(args.join) if args.join else run_all(args)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(kept, indent=1))
    print(table(kept["runs"]))
    if args.plot is not None:
        plot(kept["runs"], args.plot, f"truth: {kept['truth']} of the published sets")


if __name__ == "__main__":
    main()
