"""The loop of ``glasspot fit-mlip``: a few frames of each cluster, a fit, and more frames until the energies are right.

Shuaib et al., J. Am. Ceram. Soc. 108 (2025), doi:10.1111/jace.20128, figure 1 C, with two differences. All frames are
split once, by the hash of their names, into a side that may train (70 %) and one that never does: a frame is never
trained on in one round and tested on in another. And hyper-parameters are chosen by frames left out of the training
side, by energies and forces both: what the tests say is no part of any choice but when to stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from glasspot.dataset.labelled import Dataset, LabelledFrame
from glasspot.dataset.split import by_hash
from glasspot.distill.distilled import Distilled
from glasspot.errors import GlasspotError
from glasspot.mlip.model import Errors, Model, Trial, errors
from glasspot.mlip.search import chosen, search

FEWEST_TRAIN, FEWEST_TEST = 8, 3  # frames of a round; with fewer, more are taken at once
LITTLE = 0.02  # a relative gain of the test error that is none
PATIENCE = 3  # rounds without a gain before more frames are thought to be of no use
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class GrowthPlan:
    """fraction: share of every cluster that each round adds. energy_tol: meV/atom. trials: proposals of each search."""

    energy_tol: float = 2.0
    fraction: float = 0.05
    select: str = "cluster"
    trials: int = 8
    seed: int = 1


@dataclass(frozen=True)
class Round:
    """One round: which frames trained and tested, with which hyper-parameters, and how well."""

    number: int
    fraction: float
    train: tuple[LabelledFrame, ...]
    test: tuple[LabelledFrame, ...]
    best: Trial
    trials: tuple[Trial, ...]
    errors: Errors
    seconds: float

    def record(self) -> dict[str, Any]:
        """Return plain values for fit.json."""
        return {
            "round": self.number,
            "fraction": self.fraction,
            "train": len(self.train),
            "test": len(self.test),
            "settings": dict(self.best.settings),
            "cv": asdict(self.best.errors),
            "errors": asdict(self.errors),
            "seconds": round(self.seconds, 2),
        }


@dataclass(frozen=True)
class Grown:
    """What the loop came to. reached: whether the tolerance was met; stopped: why it ended, for people."""

    rounds: tuple[Round, ...]
    reached: bool
    stopped: str
    sides: tuple[frozenset[str], frozenset[str]] = field(repr=False)

    @property
    def last(self) -> Round:
        """The round with the least test error: the last one, if the tolerance was met."""
        if self.reached:
            return self.rounds[-1]
        return min(self.rounds, key=lambda r: r.errors.energy_rmse_meV_per_atom)


def grow(
    model: Model,
    dataset: Dataset,
    distilled: Distilled,
    plan: GrowthPlan,
    folder: Path,
    tell: Tell,
    on_round: Callable[[Round], None],
) -> Grown:
    """Fit with more and more frames until the energies of the test frames are within the tolerance.

    Each round's model is kept in ``folder``/round-N. GlasspotError where the data are too few to test anything.
    """
    train_side, test_side = by_hash(dataset.frames, plan.seed)
    sides = (frozenset(f.key for f in train_side), frozenset(f.key for f in test_side))
    settings = {h.name: h.start for h in model.space}
    rounds: list[Round] = []
    before = (0, 0)
    for number in range(1, 1 + -int(-1 // plan.fraction)):
        fraction = min(1.0, number * plan.fraction)
        frames = [dataset.frames[k] for k in distilled.choose(fraction, plan.select)]
        train = tuple(f for f in frames if f.key in sides[0])
        test = tuple(f for f in frames if f.key in sides[1])
        enough = len(train) >= FEWEST_TRAIN and len(test) >= FEWEST_TEST
        if (not enough and fraction < 1) or (len(train), len(test)) == before:
            continue
        before = (len(train), len(test))
        one = _round(model, number, fraction, train, test, settings, plan, folder, tell)
        rounds.append(one)
        on_round(one)
        settings = dict(one.best.settings)
        stopped, reached = _stop(rounds, plan)
        if stopped:
            return Grown(tuple(rounds), reached, stopped, sides)
    if not rounds:
        raise GlasspotError(f"{len(dataset)} frames are too few to train and test a model.")
    return Grown(tuple(rounds), False, "all frames are in, and the tolerance is not met", sides)


def _round(
    model: Model,
    number: int,
    fraction: float,
    train: Sequence[LabelledFrame],
    test: Sequence[LabelledFrame],
    settings: dict[str, float],
    plan: GrowthPlan,
    folder: Path,
    tell: Tell,
) -> Round:
    began = time.monotonic()
    if not train or not test:
        raise GlasspotError(
            f"{len(train) + len(test)} frames cannot be split into training and test frames; give more."
        )
    label = f"round {number}: {len(train)} frames, hyper-parameters"
    trials = search(model, train, settings, plan.trials, plan.seed, lambda done, of: tell(label, done, of))
    best = chosen(trials)
    refined = model.refine(train, best.settings)
    if refined:
        best = chosen(refined)
        trials += refined
    tell(f"round {number}: test", 0, 0)
    potential = model.fit(train, best.settings, folder / f"round-{number}")
    found = errors(test, model.predict(potential, test))
    return Round(number, fraction, tuple(train), tuple(test), best, tuple(trials), found, time.monotonic() - began)


def _stop(rounds: Sequence[Round], plan: GrowthPlan) -> tuple[str, bool]:
    """Return why the loop ends here ("" where it goes on), and whether the tolerance is met."""
    found = [r.errors.energy_rmse_meV_per_atom for r in rounds]
    if found[-1] <= plan.energy_tol:
        return f"the energies of the test frames are right to {found[-1]:.2g} meV/atom", True
    if len(found) > PATIENCE and min(found[-PATIENCE:]) > (1 - LITTLE) * min(found[:-PATIENCE]):
        return (
            f"{PATIENCE} rounds more gained nothing: the {min(found):.2g} meV/atom that are left are the model's, or "
            "the labels' own",
            False,
        )
    return "", False


def kept_out(dataset: Dataset, grown: Grown) -> tuple[LabelledFrame, ...]:
    """Return the frames that no round chose."""
    known = {f.key for f in (*grown.last.train, *grown.last.test)}
    return tuple(frame for frame in dataset.frames if frame.key not in known)
