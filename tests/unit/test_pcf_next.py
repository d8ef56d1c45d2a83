"""Which glass to simulate next, the race against random choice, and the learning curve."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.model import Tell
from glasspot.pcf.next_glass import next_glass, uncertainty_of
from glasspot.pcf.prediction import Prediction
from glasspot.pcf.scoring.active_race import WAYS, race
from glasspot.pcf.scoring.baselines import BASELINES, Baseline, train_mixing, train_nearest
from glasspot.pcf.scoring.learning_curve import learning_curve
from pcf_samples import sample_set

CURVES = sample_set(40, n_runs=2)


@dataclass(frozen=True)
class Unsure:
    """A baseline with a band that widens with the distance from the glasses learnt from."""

    inner: Baseline
    kind: str = "unsure"

    def predict(self, composition: Composition, pairs: Sequence[str] | None = None) -> Prediction:
        said = self.inner.predict(composition, pairs)
        assert said.distance is not None
        half = 0.1 * (1 + said.distance) * np.ones_like(said.g)
        return replace(said, low=said.g - half, high=said.g + half)

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        raise NotImplementedError


def train_unsure(curve_set: CurveSet, tell: Tell) -> Any:
    return Unsure(train_nearest(curve_set))


def soda(*amounts: float) -> list[Composition]:
    return [Composition.parse(f"{100 - x} SiO2 {x} Na2O") for x in amounts]


def test_the_widest_bands_are_simulated_next() -> None:
    model = train_unsure(CURVES, lambda *_: None)
    pool = [glass.composition for glass in CURVES.glasses]
    far = Composition.parse("40 SiO2 60 Na2O")
    found = next_glass(model, [*pool, far], pool)
    assert [one.composition for one in found] == [far]
    assert found[0].uncertainty == pytest.approx(uncertainty_of(model.predict(far)))
    assert found[0].nearest > 0.1


def test_a_batch_is_not_all_the_same() -> None:
    model = train_unsure(CURVES.only([0, 2, 6]), lambda *_: None)
    already = [CURVES.glasses[k].composition for k in (0, 2, 6)]
    cluster, alone = soda(60, 60.5, 61), soda(45)
    found = next_glass(model, [*cluster, *alone], already, budget=2)
    assert found[0].composition in cluster
    assert found[1].composition in alone
    assert found[0].worth > found[1].worth


def test_what_is_there_already_is_worth_nothing() -> None:
    model = train_unsure(CURVES, lambda *_: None)
    pool = [glass.composition for glass in CURVES.glasses]
    assert next_glass(model, pool, pool, 3) == ()


def test_a_model_without_bands_cannot_choose() -> None:
    with pytest.raises(GlasspotError, match="gives no bands"):
        next_glass(train_mixing(CURVES), soda(10), soda(20))
    with pytest.raises(GlasspotError, match="0 candidates"):
        next_glass(train_unsure(CURVES, lambda *_: None), [], soda(20))


def test_a_race_shares_start_and_test_among_the_ways() -> None:
    learnt: list[list[str]] = []

    def spying(curve_set: CurveSet, tell: Tell) -> Any:
        learnt.append([glass.name for glass in curve_set.glasses])
        return train_unsure(curve_set, tell)

    found = race(spying, CURVES, start=6, batch=4, rounds=2, seeds=(0, 1))
    assert all(len(set(names)) == len(names) for names in learnt)  # none is added twice
    assert len(found.steps) == 2 * len(WAYS) * 3
    for seed in (0, 1):
        first = [step.errors for step in found.steps if step.seed == seed and step.size == 6]
        assert first[0] == first[1] == first[2]
    assert [size for size, _ in found.medians("random")] == [6, 10, 14]
    for way in WAYS:
        errors = [error for _, error in found.medians(way)]
        assert errors[-1] < errors[0]
    again = race(train_unsure, CURVES, start=6, batch=4, rounds=2, seeds=(0, 1))
    assert json.dumps(again.to_dict()) == json.dumps(found.to_dict())


def test_a_race_needs_enough_glasses() -> None:
    with pytest.raises(GlasspotError, match="only 30 glasses of 40 are not held out"):
        race(train_unsure, CURVES, start=20, batch=4, rounds=5)


def test_the_learning_curve_falls_and_never_learns_from_the_held_out() -> None:
    learnt: list[set[str]] = []

    def spying(curve_set: CurveSet, tell: Tell) -> Any:
        learnt.append({glass.name for glass in curve_set.glasses})
        return train_nearest(curve_set)

    curve = learning_curve({"spy": spying, "mixing": train_mixing}, CURVES, (8, 30), repeats=2)
    assert len(curve.held) == 10
    assert all(not names & set(curve.held) for names in learnt)
    assert [len(names) for names in learnt] == [8, 30] * 2
    assert learnt[0] < learnt[1]
    for model in ("spy", "mixing"):
        rows = curve.of(model, "relative")
        assert [size for size, _, _ in rows] == [8, 30]
        assert rows[-1][1] < rows[0][1]
    # With all glasses of the pool learnt from, the repeats are the same but for the order.
    assert curve.of("spy", "relative")[-1][2] == pytest.approx(0.0, abs=1e-9)
    json.dumps(curve.to_dict(), allow_nan=False)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(GlasspotError, match="expected from 1 to 30"):
        learning_curve(BASELINES, CURVES, (8, 31))
