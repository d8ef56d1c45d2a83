"""The store of a fit to three borosilicates by a method that learns, made up whole: nothing is run, nothing is taught.

The numbers are those of :mod:`glass_world`, with noise; the report is made of this store as of any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import glass_world as world
from glasspot.campaign.evidence import score
from glasspot.campaign.folder import keep_plan
from glasspot.campaign.plan import FitPlan
from glasspot.campaign.targets import build_objective
from glasspot.evaluate.job import Outcome
from glasspot.potential.io import load_potential
from glasspot.report.collect import collect
from glasspot.report.data import FitReport
from glasspot.search.pareto import front
from glasspot.store import Store
from glasspot.store.rows import part_of
from glasspot.structure.quantities import qn_name
from glasspot.target.objective import Objective

TEXT = world.TEXT.replace('windows = "fixed"', 'windows = "move"')
GLASSES = tuple(world.BORON)
RATES = (100.0, 10.0)
ROUNDS, BATCH, START = 8, 4, 12
RUNS = 6
MODELS = {"quadratic": 1.6, "mlp": 1.9, "mlp-ensemble": 1.4, "plain-gp": 1.2, "gaussian-process": 1.0}
MAP = 40
FAILED = 17  # number of the evaluation whose MD fails


def make_store(folder: Path, text: str = TEXT, rounds: int = ROUNDS, finished: bool = True) -> Path:
    """Return the folder of a fit after so many rounds; ``finished``: validated, and with what it learned."""
    plan = world.plan_of(folder / "asked", text)
    place = folder / "run"
    place.mkdir(parents=True, exist_ok=True)
    objective = build_objective(plan, plan.fitted_states, None)  # type: ignore[arg-type] # nothing is simulated
    with Store.create(place) as store:
        store.set_meta("settings", dict(plan.source))
        keep_plan(store, plan, folder / "asked" / "fit.toml")
        store.set_meta("state", "finished" if finished else "interrupted")
        store.set_meta("objective", objective.to_dict())
        points = _steps(store, plan, objective, rounds)
        _decisions(store, rounds)
        if finished:
            _validated(store, plan, objective)
            store.set_meta("lessons", _lessons(plan, objective, points))
            store.set_meta("determination", {"reason": "a quenched glass has no fluctuation formula", "directions": []})
    return place


def curves_of(objective: Objective, values: np.ndarray) -> np.ndarray:
    """Return the scaled values of a table (g, k)."""
    return np.concatenate([
        [objective.scale_of(t) * v for t, v in zip(s.numbers, row, strict=True)]
        for s, row in zip(objective.states, values, strict=True)
    ])  # fmt: skip


def _table(point: np.ndarray, rate: float, rng: np.random.Generator | None = None) -> np.ndarray:
    found = np.array([world.truth(point, glass, rate) for glass in GLASSES])
    return found if rng is None else found + world.NOISE * rng.normal(size=found.shape)


def _steps(store: Store, plan: FitPlan, objective: Objective, rounds: int) -> list[np.ndarray]:
    """Store the start set and rounds that close in on the best; one run fails. Return the points that ran."""
    rng = np.random.default_rng(5)
    start, best = plan.space.to_cube(plan.space.base), plan.space.to_cube(world.SPACE.from_cube(world.BEST))
    todo = [(0, start, 0, "start"), (0, start, 1, "start")]
    todo += [(1, np.clip(start + 0.15 * rng.normal(size=5), 0, 1), 0, "start") for _ in range(START - 2)]
    for number in range(2, rounds + 2):
        width = 0.12 * 0.75**number
        for n in range(BATCH):
            todo.append((number, best + width * rng.normal(size=5), int(n == BATCH - 1), "next level" if n else "new"))
    points: list[np.ndarray] = []
    width = objective.state_map(0)[0].shape[1]
    for number, (turn, point, level, note) in enumerate(todo):
        table = _table(world.SPACE.to_cube(plan.space.from_cube(point)), RATES[level], rng)
        failed = number == FAILED
        outcomes = [] if failed else [_outcome(f"fit-{number}-{g}", table[g], g, rng, width) for g in range(3)]
        for one in outcomes:
            _keep(store, one)
        store.put_record("step", number, {
            "number": number, "run": 3 * (number + 1), "method": plan.methods[0], "round": turn,
            "of_round": sum(t[0] == turn for t in todo), "note": note, "point": point.tolist(),
            "values": plan.space.values(plan.space.from_cube(point)), "predicted": None, "accepted": False,
            "keys": [one.key for one in outcomes], "refined": False, "level": level, "seconds": 30.0 * number,
            **(_failed() if failed else _found(objective, table)),
        })  # fmt: skip
        points += [] if failed else [point]
    return points


def _keep(store: Store, outcome: Outcome) -> None:
    store.put_outcome(outcome.key, outcome.key, {}, True, "", 1.0, outcome.to_bytes())


def _failed() -> dict[str, Any]:
    return {"cost": None, "error": None, "noise": None, "per_curve": {}, "per_state": {}, "numbers": {},
            "reason": "too-hot", "message": "made up"}  # fmt: skip


def _found(objective: Objective, values: np.ndarray) -> dict[str, Any]:
    curves = curves_of(objective, values)
    return {
        "cost": objective.r_chi(curves), "error": 0.004, "noise": 0.004, "per_curve": objective.per_curve(curves),
        "per_state": objective.per_state(curves), "numbers": objective.numbers(curves), "reason": "", "message": "",
    }  # fmt: skip


def _decisions(store: Store, rounds: int) -> None:
    """Store a window that moved and one that did not; what else a method decides is no matter of windows."""
    told = START + 2 * BATCH
    reason = "9 of the 10 points selected last lie in the highest 10% of the window (p = 1e-08). "
    moves = [(1, "high", [1 / 3, 2 / 3], [1 / 3, 0.75], True, reason + "It is widened by 25% of its width.")]
    moves.append((4, "low", [1 / 3, 2 / 3], [1 / 3, 2 / 3], False, reason + "Not widened: 3 of 4 runs there failed."))
    store.put_record("decision", 0, {"stage": 0, "kind": "iteration", "evaluations": told, "reason": "none"})
    for n, (axis, side, before, after, moved, why) in enumerate(moves if rounds > 2 else [], start=1):
        store.put_record("decision", n, {
            "stage": 0, "kind": "window", "evaluations": told, "axis": axis, "side": side, "before": before,
            "after": after, "moved": moved, "p_value": 1e-8, "reason": why,
        })  # fmt: skip


def _validated(store: Store, plan: FitPlan, objective: Objective) -> None:
    fitted = replace(world.SPACE.from_cube(world.BEST + 0.02), name=plan.name)
    store.set_meta("fitted", fitted.to_dict())
    named = [("fitted", fitted), ("start", plan.space.base), ("published", load_potential("BayOpt-2025"))]
    for number, (role, potential) in enumerate(named):
        rng = np.random.default_rng(70 + number)
        tables = [_table(world.SPACE.to_cube(potential), RATES[-1], rng) for _ in range(RUNS)]
        width = objective.state_map(0)[0].shape[1]
        outcomes = [
            [_outcome(f"{role}-{g}-{n}", table[g], g, rng, width) for n, table in enumerate(tables)] for g in range(3)
        ]
        for one in (o for of_glass in outcomes for o in of_glass):
            _keep(store, one)
        keys = {name: [o.key for o in outcomes[g]] for g, name in enumerate(GLASSES)}
        content = {**score(outcomes, objective), "name": potential.name, "role": role, "keys": keys}
        store.put_record("validation", number, {**content, "potential": potential.to_dict()})


def _outcome(key: str, values: np.ndarray, g: int, rng: np.random.Generator, width: int) -> Outcome:
    """Return a run with its numbers and a made-up structure."""
    q, angle, size = np.arange(0.5, 16, 0.05), np.arange(61.0, 180, 2.0), np.arange(3.0, 13.0)
    shift = 0.2 * rng.normal() + 0.3 * g
    shares = rng.dirichlet([1, 1, 2, 8, 12, 1, 1])
    numbers = {
        "density": values[0], "fraction_B4": values[1], "pressure_bar": 0.0, "coordination Si-O": 4.0,
        **{qn_name(e, n): shares[n] for e in ("Si", "B") for n in range(7)},
    }  # fmt: skip
    arrays = {
        "frames": np.full(2, 10), "histogram": np.zeros((2, width)),
        "S(Q) xray|x": q, "S(Q) xray|y": 1 + np.sin((2 + 0.05 * shift) * q) / q,
        "rings|x": size, "rings|y": np.exp(-(((size - 6 - shift) / 1.5) ** 2)),
        "angle O-Si-O|x": angle, "angle O-Si-O|y": np.exp(-(((angle - 108 - shift) / 9) ** 2)),
        "angle O-Na-O|x": angle, "angle O-Na-O|y": np.exp(-(((angle - 90) / 30) ** 2)),
        "coordination Si-O|x": np.arange(13.0), "coordination Si-O|y": np.eye(13)[4],
        "coordination O-Si|x": np.arange(13.0), "coordination O-Si|y": np.eye(13)[1],
    }  # fmt: skip
    texts = {"species": ["Si"], "provenance": {"glasspot": "test"}}
    return Outcome(key, True, numbers=numbers, arrays=arrays, texts=texts)


def _losses(objective: Objective, points: Sequence[np.ndarray], plan: FitPlan) -> np.ndarray:
    """Return the part of each quantity in R_chi^2 at the aim, (p, 2), without noise."""
    scale = np.array([[objective.scale_of(t) for t in s.numbers] for s in objective.states])
    target = np.array([world.MEASURED[g] for g in GLASSES])
    places = [world.SPACE.to_cube(plan.space.from_cube(p)) for p in points]
    return np.array([((scale * (_table(p, world.AIM_RATE) - target)) ** 2).sum(0) for p in places])


def _lessons(plan: FitPlan, objective: Objective, points: list[np.ndarray]) -> dict[str, Any]:
    rng = np.random.default_rng(9)
    names = [plan.name, plan.space.base.name, "BayOpt-2025"]
    ends = [plan.space.to_cube(world.SPACE.from_cube(world.BEST + 0.02)), plan.space.to_cube(plan.space.base)]
    ends.append(plan.space.to_cube(load_potential("BayOpt-2025")))
    unique = [*points[1:], ends[0], ends[2]]
    losses = _losses(objective, unique, plan) + 2e-4
    scale = np.array([[objective.scale_of(t) for t in s.numbers] for s in objective.states])
    found = np.concatenate([_table(world.SPACE.to_cube(plan.space.from_cube(p)), 10.0, rng) for p in points])
    foretold = found + np.tile([0.012, 0.03], (len(found), 1)) * rng.normal(size=found.shape)
    scores: dict[str, Any] = {
        name: {"rmse": [0.012 * f, 0.03 * f], "coverage": [[0.52, 0.48], [0.7, 0.66], [0.9, 0.85], [0.96, 0.92]],
               "z_sd": [0.95, 1.1]}
        for name, f in MODELS.items()
    }  # fmt: skip
    scores["gaussian-process"] |= {
        "levels": [0.5, 0.68, 0.9, 0.95],
        "parity": {"mean": foretold.tolist(), "sd": np.tile([0.012, 0.03], (len(found), 1)).tolist(),
                   "found": found.tolist()},
    }  # fmt: skip
    at_aim = {}
    for name, point, loss in zip(names, ends, _losses(objective, ends, plan), strict=True):
        at_aim[name] = {
            "mean": _table(world.SPACE.to_cube(plan.space.from_cube(point)), world.AIM_RATE).tolist(),
            "sd": np.tile([0.015, 0.03], (3, 1)).tolist(), "cost": float(np.sqrt(loss.sum())), "cost_sd": 0.003,
            "losses": loss.tolist(), "losses_sd": (0.2 * loss).tolist(),
        }  # fmt: skip
    return {
        "aims": {"glasses": list(GLASSES), "quantities": ["density", "fraction_B4"], "bounded": [False, True],
                 "target": [list(world.MEASURED[g]) for g in GLASSES], "scale": scale.tolist(),
                 "levels": [[2.0], [1.0]]},
        "scores": scores,
        "left_out": [{"glass": g, "without": 3e-4, "with": 2e-4, "own": 1e-4, "same_choice": g == "37B"}
                     for g in GLASSES],
        "unseen": {"glasses": list(GLASSES), "rmse": [[0.03, 0.1]] * 3},
        "pareto": {"points": [p.tolist() for p in unique], "losses": losses.tolist(),
                   "losses_sd": (0.3 * losses).tolist(), "front": front(losses).tolist()},
        "relevance": dict(zip(plan.space.names, [0.2, 0.3, 0.05, 0.02, 0.01], strict=True)),
        "map": _map(objective, plan, ends[0]),
        "at_aim": at_aim,
        "aim": {"rate": world.AIM_RATE, "atoms": 250, "extrapolated": True},
    }  # fmt: skip


def _map(objective: Objective, plan: FitPlan, centre: np.ndarray) -> dict[str, Any]:
    ticks = np.linspace(1 / 3, 2 / 3, MAP)
    points = [np.array([x, y, *centre[2:]]) for y in ticks for x in ticks]
    losses = _losses(objective, points, plan).T.reshape(2, MAP, MAP)
    along = [[np.where(np.arange(5) == axis, t, centre) for t in ticks] for axis in (0, 1)]
    values = [
        [plan.space.values(plan.space.from_cube(p))[name] for p in of]
        for of, name in zip(along, ("B-O.A", "B-O.rho"), strict=True)
    ]
    return {
        "axes": list(plan.space.names[:2]), "x": values[0], "y": values[1],
        "losses": losses.tolist(), "centre": [0.0, 0.0],
    }  # fmt: skip


def report_of(text: str = TEXT, rounds: int = ROUNDS, finished: bool = True) -> FitReport:
    """Return the report of such a fit."""
    with TemporaryDirectory() as folder:
        return collect(make_store(Path(folder), text, rounds, finished))


def drop_steps(place: Path, after: int = -1) -> None:
    """Take the steps with a number above ``after`` out of the store of :func:`make_store`, as if not yet made."""
    chosen = "kind = 'step' AND number > ?"
    with Store.create(place) as store, store._access.sealing() as seal:
        rows = store._connection.execute(f"SELECT kind, digest FROM records WHERE {chosen}", (after,)).fetchall()  # noqa: S608
        for kind, written in rows:
            seal.remove(part_of(kind), written)
        store._connection.execute(f"DELETE FROM records WHERE {chosen}", (after,))  # noqa: S608
