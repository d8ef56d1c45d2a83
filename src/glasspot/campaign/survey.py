"""R_chi over two parameters, everything else fixed: one evaluation for each point of a grid.

The point nearest to what is fixed starts from random packings. From there the survey spreads: every point with a
neighbour that ran continues that neighbour's last configurations, all such points side by side. Points behind the
barrier are not run; failed points pass nothing on. The order depends on the outcomes only, so a survey that was stopped
finds in the store what it ran before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glasspot.campaign.evaluation import Jobs, Outcomes, evaluation_jobs, first_failure, side_by_side
from glasspot.campaign.methods import margin_of
from glasspot.campaign.plan import FitPlan
from glasspot.campaign.response import measure
from glasspot.campaign.runner import Runner
from glasspot.campaign.seeds import Purpose
from glasspot.campaign.targets import observation
from glasspot.evaluate.job import Outcome
from glasspot.potential.parameters import ParameterSpace
from glasspot.target.objective import Objective

RUN, SCREENED, FAILED, BLANK = "run", "screened", "failed", "blank"
Place = tuple[int, int]
Keep = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Plane:
    """A grid over two parameters: ``space`` has these two alone, its base holds what is fixed.

    Points are evenly spaced in the coordinates of the fit: logarithmic for A, rho and other lengths and strengths.
    centred: points stand in the middles of their cells (anchors), not on the edges of the window.
    """

    space: ParameterSpace
    shape: Place
    centred: bool = False

    def ticks(self, axis: int) -> np.ndarray:
        """Return the places of the points along one axis, in units of its window."""
        count = self.shape[axis]
        return (np.arange(count) + 0.5) / count if self.centred else np.linspace(0.0, 1.0, count)

    def point(self, place: Place) -> np.ndarray:
        """Return the point of the unit square at a place of the grid, (2,)."""
        return np.array([self.ticks(axis)[place[axis]] for axis in (0, 1)])

    def places(self) -> list[Place]:
        """Return every place, row by row."""
        return [(i, j) for i in range(self.shape[0]) for j in range(self.shape[1])]

    def number(self, place: Place) -> int:
        """Return the number of a place, row by row."""
        return place[0] * self.shape[1] + place[1]


@dataclass(frozen=True)
class Visited:
    """A point that ran: its jobs and outcomes, state by state, replica by replica."""

    place: Place
    jobs: Jobs
    outcomes: Outcomes

    @property
    def failure(self) -> Outcome | None:
        """The first run that failed, if one did."""
        return first_failure(self.outcomes)


class Survey:
    """Runs the points of a plane. ``keep`` stores the record of a point; each_frame as in ``Observe``.

    fresh: every point starts from random packings, as anchors far from each other must.
    """

    def __init__(
        self,
        plan: FitPlan,
        plane: Plane,
        objective: Objective,
        runner: Runner,
        keep: Keep,
        *,
        each_frame: bool = False,
        fresh: bool = False,
    ) -> None:
        self.plan = replace(plan, space=plane.space)
        self.plane = plane
        self.objective = objective
        self.runner = runner
        self.visited: dict[Place, Visited] = {}
        self._keep = keep
        self._each_frame = each_frame
        self._fresh = fresh or not any(state.warm for state in plan.fitted_states)

    def run(self) -> list[Visited]:
        """Visit every point before the barrier; return those that ran well."""
        margin = margin_of(self.plan)
        waiting = []
        for place in self.plane.places():
            if margin(self.plane.point(place)) < 0:
                self._keep(self._record(place, SCREENED))
            else:
                waiting.append(place)
        home = self.plane.space.to_cube(self.plane.space.base)
        waiting.sort(key=lambda place: float(np.linalg.norm(self.plane.point(place) - home)))
        while waiting:
            wave = self._wave(waiting)
            self._visit(wave)
            waiting = [place for place in waiting if place not in wave]
        return [found for found in self.visited.values() if found.failure is None]

    def _wave(self, waiting: Sequence[Place]) -> dict[Place, Visited | None]:
        """Return the points to run next, each with the point that it continues: the first that ran of its neighbours.

        Where no point has one, the waiting point nearest home, from random packings.
        """
        if self._fresh:
            return dict.fromkeys(waiting)
        wave: dict[Place, Visited | None] = {}
        ran = [place for place, found in self.visited.items() if found.failure is None]
        for place in waiting:
            ready = [neighbour for neighbour in _neighbours(place) if neighbour in ran]
            if ready:
                wave[place] = self.visited[min(ready, key=ran.index)]
        return wave or {waiting[0]: None}

    def _visit(self, wave: dict[Place, Visited | None]) -> None:
        """Run points side by side and record them."""
        jobs = [self._jobs(place, before) for place, before in wave.items()]
        for place, one, outcomes in zip(wave, jobs, side_by_side(self.runner, jobs), strict=True):
            self.visited[place] = Visited(place, one, outcomes)
            self._keep(self._measured(self.visited[place]))

    def _jobs(self, place: Place, before: Visited | None) -> Jobs:
        observe = [replace(observation(targets), each_frame=self._each_frame) for targets in self.objective.states]
        label = f"point {place[0] + 1},{place[1] + 1}"
        previous = None if before is None else before.jobs
        point, number = self.plane.point(place), self.plane.number(place)
        return evaluation_jobs(self.plan, point, Purpose.LANDSCAPE, number, observe, lambda _: label, previous)

    def _measured(self, found: Visited) -> dict[str, Any]:
        failure = found.failure
        keys = [job.key for state in found.jobs for job in state]
        if failure is not None:
            return self._record(found.place, FAILED, reason=failure.reason, message=failure.message, keys=keys)
        temperatures = [state.temperature for state in self.plan.fitted_states]
        what = measure(found.outcomes, self.plane.point(found.place), self.objective, temperatures)
        return self._record(
            found.place, RUN, cost=what.cost, error=what.error, noise=what.noise,
            per_curve=self.objective.per_curve(what.curves), keys=keys,
        )  # fmt: skip

    def _record(self, place: Place, kind: str, **more: Any) -> dict[str, Any]:
        return record_of(self.plane, place, kind, **more)


def record_of(plane: Plane, place: Place, kind: str, **more: Any) -> dict[str, Any]:
    """Return the record of a point: where it is, what came of it, and its numbers, None where there are none."""
    point = plane.point(place)
    blank = dict.fromkeys(("cost", "error", "noise"))
    nothing: dict[str, Any] = {"per_curve": {}, "reason": "", "message": "", "keys": []}
    return {
        "number": plane.number(place),
        "place": list(place),
        "point": point.tolist(),
        "values": plane.space.values(plane.space.from_cube(point)),
        "kind": kind,
        **blank,
        **nothing,
        **more,
    }


def _neighbours(place: Place) -> Iterable[Place]:
    i, j = place
    return ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1))
