"""Simulate many glasses and keep their pair curves: a set that models of pair correlation functions learn from.

Each glass is simulated in several runs from other random packings. All first runs come before all second ones, so that
a set which is stopped early holds every glass once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glasspot.campaign.runner import Runner
from glasspot.campaign.seeds import Purpose, draw_seed
from glasspot.composition import AtomCounts
from glasspot.errors import GlasspotError
from glasspot.evaluate.engines import System
from glasspot.evaluate.job import EngineChoice, Job, Observe, Outcome, Packing
from glasspot.oxides import element_of
from glasspot.pcf.curve_set import CurveSet, FloatArray, GlassCurves, endless
from glasspot.pcf.pairs import in_order, pair_name, pairs_of
from glasspot.potential.model import Potential
from glasspot.protocol import Protocol
from glasspot.structure.frames import cell_matrix
from glasspot.structure.pdf import ideal_pairs

NODES_PER_BIN = 2  # of the fine histogram: a pair near the border of a bin is shared over half of its width
BLOCKS = 4


@dataclass(frozen=True)
class PlannedGlass:
    """A glass to simulate: whole formula units, the potential for its composition, the edge of the start box in A."""

    name: str
    atoms: AtomCounts
    potential: Potential
    cell_length: float

    @property
    def system(self) -> System:
        """What the engine will be asked to run."""
        return System((self.potential,), tuple(self.atoms.counts), cell_matrix(self.cell_length))


@dataclass(frozen=True)
class CurvePlan:
    """Everything that is simulated. runs: of each glass; n_bins of g(r) from 0 to r_max (A); source: the settings as
    plain values, for the store; given: curves that the user brought. protocol: None where nothing is simulated.
    """

    title: str
    glasses: tuple[PlannedGlass, ...]
    protocol: Protocol | None
    engine: EngineChoice
    runs: int
    seed: int
    r_max: float
    n_bins: int
    given: tuple[GlassCurves, ...] = ()
    notes: tuple[str, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)

    @property
    def atom_steps(self) -> float:
        """Atoms times steps of all runs."""
        steps = 0 if self.protocol is None else self.protocol.total_steps
        return float(steps * self.runs * sum(glass.atoms.n_atoms for glass in self.glasses))


def grid(r_max: float, n_bins: int) -> FloatArray:
    """Return the centres of the bins of g(r), (n_bins,) in A."""
    return np.asarray((np.arange(n_bins) + 0.5) * r_max / n_bins)


@dataclass(frozen=True)
class Made:
    """What came of a plan: the set, and (glass, run, why) of the runs that failed."""

    curves: CurveSet
    failures: tuple[tuple[str, int, str], ...]


def jobs_of(plan: CurvePlan) -> list[tuple[PlannedGlass, Job]]:
    """Return the simulations with their glass: the first run of every glass, then every second one, and so on."""
    observe = Observe(r_max=plan.r_max, n_nodes=plan.n_bins * NODES_PER_BIN, blocks=BLOCKS)
    found: list[tuple[PlannedGlass, Job]] = []
    if plan.protocol is None:
        return found
    for run in range(plan.runs):
        for number, glass in enumerate(plan.glasses):
            packing, seed = (draw_seed(plan.seed, Purpose.GLASSES, number, 2 * run + part) for part in (0, 1))
            start = Packing(dict(glass.atoms.counts), glass.cell_length, packing)
            label = f"{glass.name}, run {run + 1}"
            found.append((glass, Job(glass.potential, start, plan.protocol, seed, plan.engine, observe, label)))
    return found


def make_curves(plan: CurvePlan, runner: Runner, on_done: Callable[[int, int], None] = lambda *_: None) -> Made:
    """Run what the store does not know, ``on_done`` being told (runs done, in all); return the set.

    A run that failed is left out; GlasspotError when all have failed.
    """
    jobs = jobs_of(plan)
    step = max(1, len(plan.glasses))
    for k in range(0, len(jobs), step):
        runner.log.write("stage", name=f"run {k // step + 1} of {plan.runs}")
        runner.work([job for _, job in jobs[k : k + step]])
        on_done(min(k + step, len(jobs)), len(jobs))

    return collect(plan, runner.outcome)


def collect(plan: CurvePlan, read: Callable[[str], Outcome | None]) -> Made:
    """Return the set of the outcomes that ``read`` gives for the keys of the jobs, one after the other."""
    found: dict[str, list[_Run]] = {glass.name: [] for glass in plan.glasses}
    failures: list[tuple[str, int, str]] = []
    seconds = 0.0
    software: dict[str, str] = {}
    for number, (glass, job) in enumerate(jobs_of(plan)):
        outcome = read(job.key)
        if outcome is None:
            continue
        seconds += float(outcome.numbers["seconds"])
        if outcome.ok:
            found[glass.name].append(_Run(float(outcome.numbers["volume"]), _partials(plan, outcome)))
            software = software or _software(outcome)
        else:
            failures.append((glass.name, number // len(plan.glasses) + 1, outcome.message))
    glasses = [_glass(glass, found[glass.name]) for glass in plan.glasses if found[glass.name]]
    if not glasses and not plan.given:
        raise GlasspotError(f"all runs failed, the first of them so: {failures[0][2] if failures else 'none was run'}")
    provenance = {
        "title": plan.title,
        "settings": dict(plan.source),
        "protocol": None if plan.protocol is None else plan.protocol.to_dict(),
        "engine": plan.engine.spec(),
        "runs": sum(len(runs) for runs in found.values()),
        "failed_runs": len(failures),
        "core_hours": round(seconds / 3600.0, 3),
        "made_by": software,
    }
    return Made(CurveSet(grid(plan.r_max, plan.n_bins), (*glasses, *plan.given), provenance), tuple(failures))


@dataclass(frozen=True)
class _Run:
    """What is kept of a run: the mean volume in A^3 and g_ab(r) by the name of the pair."""

    volume: float
    curves: Mapping[str, FloatArray]


def _software(outcome: Outcome) -> dict[str, str]:
    """Return what made an outcome: versions, not the machine."""
    given = outcome.texts.get("provenance", {})
    return {name: str(given[name]) for name in ("engine", "glasspot", "commit", "python") if name in given}


def _glass(glass: PlannedGlass, runs: Sequence[_Run]) -> GlassCurves:
    counts: dict[str, int] = {}
    for species, number in glass.atoms.counts.items():
        counts[element_of(species)] = counts.get(element_of(species), 0) + number
    elements = in_order(counts)
    return GlassCurves(
        name=glass.name,
        composition=glass.atoms.composition,
        counts={element: counts[element] for element in elements},
        number_density=np.array([glass.atoms.n_atoms / run.volume for run in runs]),
        curves={pair: np.array([run.curves[pair] for run in runs]) for pair in pairs_of(elements)},
        source=f"{glass.potential.name}, {glass.atoms.n_atoms} atoms",
    )


def _partials(plan: CurvePlan, outcome: Outcome) -> dict[str, FloatArray]:
    """Return g_ab(r) of one run on the grid of the plan: the fine histogram put into bins."""
    labels = outcome.texts["labels"]
    # The store sorts the counts by name; ideal_pairs wants them in the order of the labels.
    species = dict.fromkeys(end for label in labels for end in label.split("-"))
    counts = {name: int(outcome.texts["counts"][name]) for name in species}
    fine = outcome.mean_histogram().reshape(len(labels), -1)
    # A node on the border of two bins gives half of what it holds to each.
    inner = fine[:, :-1].copy()
    inner[:, ::NODES_PER_BIN] *= 0.5
    bins = inner.reshape(len(labels), plan.n_bins, NODES_PER_BIN).sum(axis=2)
    borders = fine[:, NODES_PER_BIN::NODES_PER_BIN].copy()
    borders[:, :-1] *= 0.5  # the last node holds what came from inside only
    bins += borders
    edges = np.linspace(0.0, plan.r_max, plan.n_bins + 1)
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    g = bins * outcome.numbers["volume"] / (ideal_pairs(counts)[:, None] * shells)
    by_pair: dict[str, FloatArray] = {}
    for label, curve in zip(labels, g, strict=True):
        pair = pair_name(*(element_of(species) for species in label.split("-")))
        by_pair[pair] = endless(pair, curve, {element_of(name): number for name, number in counts.items()})
    return by_pair
