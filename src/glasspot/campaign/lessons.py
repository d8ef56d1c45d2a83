"""What a model of all runs says of a potential where the fit is judged: its values there, with errors, and its cost.

The search's evaluations, and the independent runs of selection and validation, teach one surrogate over parameters,
glass, log of the quench rate and size. It is asked at the aim: the last level, or a slower quench and a larger glass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from glasspot.campaign.aims import aims_of
from glasspot.campaign.plan import FitPlan
from glasspot.campaign.seeds import Purpose, draw_seed
from glasspot.search.aims import Aims
from glasspot.search.cost_model import repeatable
from glasspot.search.evaluated import key_of
from glasspot.search.proposer import Evaluation
from glasspot.surrogate.data import Surrogate
from glasspot.surrogate.models import make_surrogate
from glasspot.target.objective import Objective

SAMPLES = 256  # of the posterior: their standard error is a sixteenth of the spread
FEWEST_SETS = 10  # of parameters, for a model worth asking
MODEL = "gaussian-process"


@dataclass
class Lessons:
    """Everything that was run, and the model of it. ``add`` evaluations, then ask."""

    plan: FitPlan
    objective: Objective
    told: list[Evaluation] = field(default_factory=list)

    @cached_property
    def aims(self) -> Aims:
        """Which glass and quantity each value is."""
        return aims_of(self.plan, self.objective)

    @property
    def enough(self) -> bool:
        """Whether there is enough for a model."""
        return len(self.points) >= FEWEST_SETS

    def add(self, point: np.ndarray, samples: np.ndarray) -> None:
        """Take independent runs of the last level at a point (n,): scaled values (samples, m)."""
        last = self.plan.levels - 1
        for curves in samples:
            cost = self.objective.r_chi(curves)
            self.told.append(Evaluation(np.array(point), cost, curves=np.array(curves), level=last))

    def model(self) -> Surrogate:
        """Return a surrogate taught by everything told so far."""
        surrogate = make_surrogate(MODEL, self.seed)
        surrogate.fit(self.aims.rows(self.told))
        return surrogate

    def judge(self, points: Sequence[np.ndarray], samples: Sequence[np.ndarray]) -> list[float]:
        """Return the expected cost (R_chi at the aim) of points, of which independent ``samples`` were run."""
        for point, found in zip(points, samples, strict=True):
            self.add(point, found)
        with repeatable(self.seed):
            values = self._sampled(self.model(), points)
        return [float(x) for x in np.sqrt(self.aims.loss(values).mean(0))]

    def at_aim(self, surrogate: Surrogate, points: Sequence[np.ndarray]) -> list[dict[str, Any]]:
        """Return of each point the values of every glass and quantity at the aim, with errors, and their cost."""
        values = self._sampled(surrogate, points)
        losses = self.aims.losses(values)
        found = []
        for p in range(len(points)):
            costs = np.sqrt(losses[:, p].sum(-1))
            found.append({
                "mean": plain(values[:, p].mean(0)),
                "sd": plain(values[:, p].std(0)),
                "cost": float(np.sqrt(losses[:, p].sum(-1).mean())),
                "cost_sd": float(costs.std()),
                "losses": losses[:, p].mean(0).tolist(),
                "losses_sd": losses[:, p].std(0).tolist(),
            })  # fmt: skip
        return found

    def shifted(self, surrogate: Surrogate, point: np.ndarray, samples: np.ndarray) -> dict[str, Any]:
        """Return the values of independent runs of the last level, moved to the aim by what the model says of the way.

        samples: scaled values (runs, m). "mean" and "sd" (g, k): of the mean of the runs, its standard error and the
        error of the way together. "loss": R_chi^2 of the mean values; "loss_sd" its error. The place itself is that of
        the runs alone: the model is asked only for a difference.
        """
        aims, rng = self.aims, np.random.default_rng(self.seed)
        last = np.full(1, self.plan.levels - 1)
        inputs = np.vstack([aims.inputs(np.array([point])), aims.inputs(np.array([point]), last)])
        both = aims.by_glass(surrogate.sample(inputs, SAMPLES, rng))
        way = both[:, 0] - both[:, 1]
        runs = np.array([aims.values(curves) for curves in samples])
        mean = runs.mean(0) + way.mean(0)
        error = np.sqrt(runs.var(0, ddof=1) / len(runs) + way.var(0))
        drawn = aims.loss(mean + error * rng.standard_normal((SAMPLES, *mean.shape)))
        return {"mean": plain(mean), "sd": plain(error), "loss": float(aims.loss(mean)), "loss_sd": float(drawn.std())}

    @property
    def points(self) -> list[np.ndarray]:
        """Evaluated points, each once, in the order of their first evaluation."""
        found: dict[tuple[float, ...], np.ndarray] = {}
        for e in self.told:
            if e.cost is not None:
                found.setdefault(key_of(e.point), e.point)
        return list(found.values())

    @property
    def seed(self) -> int:
        """Of everything random in a model."""
        return draw_seed(self.plan.seed, Purpose.LESSONS, 0, 0)

    def _sampled(self, surrogate: Surrogate, points: Sequence[np.ndarray]) -> np.ndarray:
        """Return samples of the values at the aim, (SAMPLES, points, g, k)."""
        rng = np.random.default_rng(self.seed)
        return self.aims.by_glass(surrogate.sample(self.aims.inputs(np.array(points)), SAMPLES, rng))


def plain(values: np.ndarray) -> list[list[float | None]]:
    """Return a table (g, k) as JSON knows it: None for nan."""
    return [[None if np.isnan(x) else float(x) for x in row] for row in values]
