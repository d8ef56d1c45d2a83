"""The race of search methods: best R_chi against MD runs, on the same targets, from the same start, by the same MD.

    python benchmarks/optimisers.py --out runs/optimisers.json --plot runs/optimisers.png

Two tasks, seven parameters each. "silica": partial g(r) of the published ML liquid, start BKS; the answer is within
reach. "b2o3": partial g(r) of liquid B2O3 of DFT quality, start SHIK; no set of parameters meets it, and the question
is each method's plateau. A method is one of `fit.method`, or several joined by "+" for a chain. Every method has its
own defaults, the same screen and the same warm starts; one evaluation is one MD run. Only the last runs of
Gauss-Newton, when it refines, sample twice as long. The reference runs are made once for each seed and shared. The
end result is scored on four runs from fresh packings.

Prints a Markdown table; the JSON holds every run. Two fits go side by side, each on one core.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

# MD runs that a method may take: enough to see its plateau, few enough for a quarter of an hour in all.
RUNS = {
    "gauss-newton": 24, "bayes": 90, "cma-es": 100, "conjugate-gradient": 100, "bayes+conjugate-gradient": 120,
}  # fmt: skip
LEVELS = {"silica": (8.77, 5.0, 3.0, 2.0), "b2o3": (15.0, 12.0, 10.0, 8.0)}  # %
B2O3_FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "b2o3_liquid_1600K_partial_pdf.csv"

SILICA = {
    "potential": {
        "start": "BKS",
        "free": ["charge.Si", "Si-O.A", "Si-O.rho", "Si-O.C", "O-O.A", "O-O.rho", "O-O.C"],
    },
    "system": {"composition": "SiO2", "atoms": 324, "density": 2.2, "temperature": 3600},
    "md": {"equilibrate_ps": 3, "sample_ps": 5},
    "reference": {"runs": 4, "equilibrate_ps": 10, "sample_ps": 20},
    "target": [{"pair": pair, "reference": "ML", "range": [0.0, 8.0]} for pair in ("Si-O", "O-O", "Si-Si")],
}
B2O3 = {
    "potential": {
        "start": "SHIK",
        "free": ["charge.B", "B-O.A", "B-O.rho", "O-O.A", "O-O.rho", "B-B.A", "B-B.rho"],
    },
    "system": {"composition": "B2O3", "atoms": 265, "box": 15.977, "temperature": 1600},
    "md": {"first_equilibrate_ps": 3, "equilibrate_ps": 2, "sample_ps": 3},
    "target": [
        {"pair": pair, "columns": [column], "range": [0.8, 7.9], "like_pairs": "N(N-1)"}
        for pair, column in (("B-O", "g_BO"), ("O-O", "g_OO"), ("B-B", "g_BB"))
    ],
}
VALIDATION = {"runs": 4, "equilibrate_ps": 5, "sample_ps": 8}


class Silent:
    """A listener that only remembers the methods' names, in their order."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def stage(self, text: str) -> None:
        self.stages.append(text)

    def step(self, record: dict[str, Any]) -> None: ...
    def score(self, record: dict[str, Any]) -> None: ...
    def running(self, jobs: Sequence[Any]) -> None: ...


def plan_of(task: str, method: str, seed: int, max_runs: int, b2o3_file: Path) -> Any:
    """Return the plan of one fit of the race."""
    from glasspot.config import FitConfig, parse_table
    from glasspot.fit_settings.plan import fit_plan

    data: dict[str, Any] = dict(SILICA if task == "silica" else B2O3)
    if task == "b2o3":
        data["target"] = [{**target, "file": str(b2o3_file)} for target in data["target"]]
    data |= {"title": f"race: {task}, {method}, seed {seed}", "seed": seed, "validation": VALIDATION}
    data["fit"] = {"method": method.split("+"), "max_runs": max_runs, "candidates": 1}
    plan, _ = fit_plan(parse_table(FitConfig, data, "the race"), Path.cwd())
    return plan


@contextlib.contextmanager
def runner_in(folder: Path, plan: Any) -> Any:
    """Give a runner with one worker and its store."""
    from glasspot.campaign.runner import Runner
    from glasspot.evaluate.engines import prepare_engine
    from glasspot.execute.executors import factory_for
    from glasspot.execute.place import here
    from glasspot.store import Store

    def prepare() -> None:
        for system in plan.systems:
            prepare_engine(plan.engine, system, lambda _: None)

    folder.mkdir(parents=True, exist_ok=True)
    with Store.create(folder) as store, Runner(store, folder, factory_for(here(1), folder), prepare=prepare) as runner:
        yield runner


def make_reference(case: tuple[str, int], folder: Path, b2o3_file: Path) -> None:
    """Run what the target of one task and seed needs, in a folder that each of its fits starts from."""
    from glasspot.campaign.targets import build_objective

    task, seed = case
    plan = plan_of(task, "gauss-newton", seed, 1, b2o3_file)  # of which only the targets are used
    with runner_in(folder / f"{task}-{seed}-reference", plan) as runner:
        build_objective(plan, plan.fitted_states, runner)


def one_fit(case: tuple[str, str, int], folder: Path, max_runs: int | None, b2o3_file: Path) -> dict[str, Any]:
    """Run one fit and score its result; return what the JSON keeps of it."""
    from glasspot.campaign.evidence import Evidence
    from glasspot.campaign.fit import Fit

    task, method, seed = case
    runs = RUNS.get(method, max(RUNS.values()))
    plan = plan_of(task, method, seed, min(runs, max_runs or runs), b2o3_file)
    here = folder / f"{task}-{seed}-{method}"
    shutil.copytree(folder / f"{task}-{seed}-reference", here)
    began = time.perf_counter()
    listener = Silent()
    with runner_in(here, plan) as runner:
        objective, descent = Fit(plan, runner, listener).search()
        seconds = time.perf_counter() - began
        waited = runner.times.waiting
        evidence = Evidence(plan, runner, objective)
        chosen = evidence.select([r for r in descent.records if r["cost"] is not None])
        (scored,) = evidence.score_all([("fitted", chosen)])
    shutil.rmtree(here)
    kept = ("run", "method", "cost", "error", "refined", "reason", "note")
    result = {
        "task": task,
        "method": method,
        "seed": seed,
        "budget": plan.max_runs,
        "history": [{key: record[key] for key in kept} for record in descent.records],
        "validated": {key: scored.get(key) for key in ("cost", "error", "noise", "runs", "failures")},
        "seconds": round(seconds, 1),
        "outside_md_s_a_run": round((seconds - waited) / len(descent.records), 3),
    }
    best = min(r["cost"] for r in descent.records if r["cost"] is not None)
    print(f"{task} {method} seed {seed}: {len(descent.records)} runs, {100 * best:.2f} %, {seconds:.0f} s", flush=True)
    return result


def best_so_far(fit: dict[str, Any]) -> list[float]:
    """Return the least R_chi (%) after each MD run; infinite before the first success."""
    least, found = float("inf"), []
    for record in fit["history"]:
        if record["cost"] is not None:
            least = min(least, 100 * record["cost"])
        found.append(least)
    return found


def runs_to(fit: dict[str, Any], level: float) -> int | None:
    """Return the MD run at which R_chi was first below ``level`` (%)."""
    return next((n for n, cost in enumerate(best_so_far(fit), start=1) if cost < level), None)


def table(task: str, fits: Sequence[dict[str, Any]]) -> str:
    """Return the Markdown table of one task; numbers of the seeds are set side by side."""
    heads = [f"runs to < {level:g} %" for level in LEVELS[task]]
    heads = ["method", *heads, "MD runs", "failed", "lowest R_chi, %", "validated R_chi, %", "s a run outside MD"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for method in dict.fromkeys(fit["method"] for fit in fits):
        own = [fit for fit in fits if fit["method"] == method]
        cells = [method]
        cells += [" / ".join(str(runs_to(fit, level) or "-") for fit in own) for level in LEVELS[task]]
        cells.append(" / ".join(str(len(fit["history"])) for fit in own))
        cells.append(" / ".join(str(sum(r["cost"] is None for r in fit["history"])) for fit in own))
        cells.append(" / ".join(f"{best_so_far(fit)[-1]:.2f}" for fit in own))
        cells.append(" / ".join(_scored(fit["validated"]) for fit in own))
        cells.append(f"{statistics.median(fit['outside_md_s_a_run'] for fit in own):.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _scored(validated: dict[str, Any]) -> str:
    if validated["cost"] is None:
        return "failed"
    return f"{100 * validated['cost']:.2f} ± {100 * validated['error']:.2f}"


def plot(fits: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the median over the seeds, and their range, of the best R_chi so far; a fit that ended keeps its best."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np

    tasks = list(dict.fromkeys(fit["task"] for fit in fits))
    figure, axes = plt.subplots(1, len(tasks), figsize=(6.4 * len(tasks), 4.6), squeeze=False, layout="constrained")
    for axis, task in zip(axes[0], tasks, strict=True):
        of_task = [fit for fit in fits if fit["task"] == task]
        for number, method in enumerate(dict.fromkeys(fit["method"] for fit in of_task)):
            curves = [best_so_far(fit) for fit in of_task if fit["method"] == method]
            longest = max(map(len, curves))
            all_of = np.array([curve + [curve[-1]] * (longest - len(curve)) for curve in curves])
            runs = np.arange(1, longest + 1)
            style = {"color": f"C{number}", "drawstyle": "steps-post"}
            axis.plot(runs, np.median(all_of, axis=0), label=method, **style)
            axis.fill_between(runs, all_of.min(axis=0), all_of.max(axis=0), step="post", color=f"C{number}", alpha=0.15)
        axis.set(xscale="log", yscale="log", xlabel="MD runs", ylabel="best R_chi so far, %", title=task)
        ticks = [t for t in (0.5, 1, 2, 3, 5, 10, 20, 50) if axis.get_ylim()[0] <= t <= axis.get_ylim()[1]]
        axis.set_yticks(ticks, [f"{t:g}" for t in ticks])
        axis.set_yticks([], minor=True)
        counts = [n for n in (1, 2, 5, 10, 20, 50, 100, 200) if n <= axis.get_xlim()[1]]
        axis.set_xticks(counts, [str(n) for n in counts])
        axis.set_xticks([], minor=True)
        axis.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    """Run the race and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON of all runs")
    parser.add_argument("--plot", type=Path, help="PNG of best R_chi against MD runs")
    parser.add_argument("--methods", nargs="+", default=list(RUNS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--task", choices=("silica", "b2o3"), nargs="+", default=["silica", "b2o3"])
    parser.add_argument("--max-runs", type=int, help="fewer MD runs than the methods are given")
    parser.add_argument("--b2o3-file", type=Path, default=B2O3_FILE)
    args = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # a fit has one core, its proposals too
    cases = [(task, method, seed) for task in args.task for seed in args.seeds for method in args.methods]
    cases.sort(key=lambda case: -RUNS.get(case[1], 0))  # long ones first, so that no core idles at the end
    with tempfile.TemporaryDirectory() as name, ProcessPoolExecutor(2) as pool:
        folder = Path(name)
        references = [(task, seed) for task in args.task for seed in args.seeds]
        list(pool.map(partial(make_reference, folder=folder, b2o3_file=args.b2o3_file), references))
        one = partial(one_fit, folder=folder, max_runs=args.max_runs, b2o3_file=args.b2o3_file)
        fits = list(pool.map(one, cases))
    fits.sort(key=lambda fit: (args.methods.index(fit["method"]), fit["seed"]))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"fits": fits}, indent=1))
    for task in args.task:
        print(f"\n{task}, seeds {' / '.join(map(str, args.seeds))}\n")
        print(table(task, [fit for fit in fits if fit["task"] == task]))
    if args.plot is not None:
        plot(fits, args.plot)


if __name__ == "__main__":
    main()
