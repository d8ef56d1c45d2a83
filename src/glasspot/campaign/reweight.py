"""R_chi at other parameters from the frames of a run, without MD: exact reweighting in the canonical ensemble.

Notation
    H       fine pair histogram of a frame; the energy of a pair potential is U = sum_ab,k H_ab(r_k) u_ab(r_k; theta)
    w       weight of a frame of a run with theta_0, for theta:  w = exp(-beta (U(theta) - U(theta_0)))
    N_eff   (sum w)^2 / sum w^2, Kish's effective number of frames: near the number of frames where theta is near
            theta_0, and 1 where one frame has all the weight

The average of anything over the liquid of theta is sum w x / sum w. It is exact for a run without end; with a finite
one it holds where N_eff is large, so points with a low one stay blank. Of several runs (anchors) the one with the
largest N_eff speaks for a point. Source: Ferrenberg and Swendsen, Phys. Rev. Lett. 61, 2635 (1988), with parameters of
the energy in the place of the temperature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glasspot.campaign.methods import margin_of
from glasspot.campaign.plan import GLASS, FitPlan
from glasspot.campaign.survey import BLANK, RUN, SCREENED, Plane, Visited, record_of
from glasspot.errors import GlasspotError
from glasspot.evaluate.job import Observe, Outcome
from glasspot.evaluate.observe import CLOSEST, check_response
from glasspot.potential.model import Potential
from glasspot.potential.parameters import ParameterSpace, pair_energies
from glasspot.target.number import NumberTarget
from glasspot.target.objective import Objective
from glasspot.units import BOLTZMANN

LEAST_FRAMES = 20.0  # N_eff below which a point is left blank


@dataclass(frozen=True)
class Frames:
    """The frames of an anchor in one state: histograms (f, p * k), scaled curves (f, m), their blocks and runs (f,)."""

    histograms: np.ndarray
    curves: np.ndarray
    blocks: np.ndarray
    runs: np.ndarray
    beta: float  # 1/eV


@dataclass(frozen=True)
class Anchor:
    """A potential that was run, with its frames state by state."""

    number: int
    energies: list[np.ndarray]  # of each state, (p * k,) eV at the nodes of its histogram
    frames: list[Frames]


@dataclass(frozen=True)
class Estimate:
    """R_chi of one point by reweighting (fractions), with its standard error and N_eff of its anchor."""

    anchor: int
    cost: float
    error: float
    n_eff: float


def check_reweighting(plan: FitPlan, space: ParameterSpace) -> None:
    """Raise GlasspotError, with the reason, where frames cannot be reweighted."""
    for state in plan.fitted_states:
        where = f" {state.name}" if state.name else ""
        if state.kind == GLASS:
            raise GlasspotError(
                f"a quenched glass{where} is not in equilibrium, so its frames have no weights exp(-U/kT): "
                "use --by md, which quenches one at each point"
            )
        number = next((target for target in state.targets if isinstance(target, NumberTarget)), None)
        if number is not None:
            raise GlasspotError(
                f"the target {number.label} is not kept frame by frame, only g(r) and S(Q) are: use --by md"
            )
    check_response(space.base, Observe(space.base.r_max, 1, response=space))


def anchor_of(number: int, visited: Visited, objective: Objective, temperatures: Sequence[float]) -> Anchor:
    """Return the frames of a point that ran with ``each_frame``; ``temperatures`` (K) state by state."""
    potential = visited.jobs[0][0].potential
    frames = [
        frames_of(outcomes, objective, s, temperature)
        for s, (outcomes, temperature) in enumerate(zip(visited.outcomes, temperatures, strict=True))
    ]
    return Anchor(number, node_energies(potential, objective), frames)


def frames_of(outcomes: Sequence[Outcome], objective: Objective, state: int, temperature: float) -> Frames:
    """Return the frames of all runs of one potential in one state."""
    mapping, offset = objective.state_map(state)
    stacks, blocks, runs = [], [], []
    for run, outcome in enumerate(outcomes):
        sizes = outcome.arrays["frames"]
        stack = outcome.arrays["each_frame"].astype(np.float64)
        stacks.append(stack.reshape(len(stack), -1))
        blocks.append(np.repeat(np.arange(len(sizes)), sizes) + run * len(sizes))
        runs.append(np.full(len(stack), run))
    histograms = np.concatenate(stacks)
    return Frames(
        histograms,
        histograms @ mapping.T + offset,
        np.concatenate(blocks),
        np.concatenate(runs),
        1.0 / (BOLTZMANN * temperature),
    )


def node_energies(potential: Potential, objective: Objective) -> list[np.ndarray]:
    """Return the pair energies (eV) at the nodes of each state's histogram, flattened."""
    result = []
    for state in objective.states:
        r = np.arange(state.n_nodes + 1) * (state.r_max / state.n_nodes)
        pairs = [(label.split("-")[0], label.split("-")[1]) for label in state.system.labels]
        result.append(pair_energies(potential, pairs, np.maximum(r, CLOSEST)).ravel())
    return result


def estimate(anchors: Sequence[Anchor], energies: Sequence[np.ndarray], objective: Objective) -> Estimate:
    """Return R_chi for pair energies (:func:`node_energies`), from the anchor with the largest N_eff."""
    weighted = [[_weights(f, e - e0) for f, e, e0 in zip(a.frames, energies, a.energies, strict=True)] for a in anchors]
    effective = [min(_kish(w) for w in states) for states in weighted]
    best = int(np.argmax(effective))
    frames, weights = anchors[best].frames, weighted[best]
    means = [w @ f.curves / w.sum() for f, w in zip(frames, weights, strict=True)]
    variances = []
    for names in ("blocks", "runs"):
        variance = 0.0
        for s, (f, w) in enumerate(zip(frames, weights, strict=True)):
            curves = [np.concatenate([*means[:s], left, *means[s + 1 :]]) for left in _left_out(f, w, names)]
            costs = np.array([objective.r_chi(curve) for curve in curves])
            if len(costs) > 1:
                variance += (len(costs) - 1) / len(costs) * float(np.sum((costs - costs.mean()) ** 2))
        variances.append(variance)
    cost = objective.r_chi(np.concatenate(means))
    return Estimate(anchors[best].number, cost, float(np.sqrt(max(variances))), effective[best])


def _weights(frames: Frames, difference: np.ndarray) -> np.ndarray:
    """Return the weights of the frames (f,), the largest 1, for a change of the pair energies (p * k,) in eV."""
    exponent = -frames.beta * (frames.histograms @ difference)
    return np.asarray(np.exp(exponent - exponent.max()))


def _kish(weights: np.ndarray) -> float:
    return float(weights.sum() ** 2 / (weights**2).sum())


def _left_out(frames: Frames, weights: np.ndarray, by: str) -> list[np.ndarray]:
    """Return the weighted mean curves without one block, or one run, at a time; none where there is but one."""
    units = getattr(frames, by)
    names = np.unique(units)
    if len(names) < 2:
        return []
    member = (units == names[:, None]).astype(float) * weights  # (b, f)
    sums, totals = member @ frames.curves, member.sum(1)
    rest = totals.sum() - totals
    # A block that has all the weight leaves nothing: the mean of the rest is that of equal weights.
    return [
        (sums.sum(0) - sums[b]) / rest[b] if rest[b] > 0 else frames.curves[units != name].mean(0)
        for b, name in enumerate(names)
    ]


def reweighted(plan: FitPlan, plane: Plane, anchors: Sequence[Anchor], objective: Objective) -> list[dict[str, Any]]:
    """Return the records of all points of a plane, from the frames of its anchors; no MD."""
    margin = margin_of(replace(plan, space=plane.space))
    records = []
    for place in plane.places():
        point = plane.point(place)
        if margin(point) < 0:
            records.append(record_of(plane, place, SCREENED))
            continue
        found = estimate(anchors, node_energies(plane.space.from_cube(point), objective), objective)
        told = {"n_eff": found.n_eff, "anchor": found.anchor}
        if found.n_eff < LEAST_FRAMES:
            records.append(record_of(plane, place, BLANK, **told))
        else:
            records.append(record_of(plane, place, RUN, cost=found.cost, error=found.error, **told))
    return records
