"""Scores of models on held-out curves: models of known error must get exactly that score."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.curve_set import CurveSet, GlassCurves
from glasspot.pcf.model import silent
from glasspot.pcf.pairs import ends_of, kind_of, pairs_of
from glasspot.pcf.prediction import Prediction
from glasspot.pcf.scoring.scores import Scores, compare, on_common_curves, score
from glasspot.pcf.scoring.simulated import Simulated
from glasspot.pcf.scoring.splits import split_of
from pcf_samples import sample_set, true_curve

CURVES = sample_set(10, n_runs=3)
Change = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Cheat:
    """A model that looks the simulated curve up, and changes it in a known way."""

    curve_set: CurveSet
    change: Change = lambda g: g
    band: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None
    refuses: str = ""
    kind: str = "cheat"

    def glass(self, composition: Composition) -> GlassCurves:
        return next(glass for glass in self.curve_set.glasses if glass.composition == composition)

    def curve(self, composition: Composition, pair: str) -> np.ndarray:
        return self.glass(composition).mean(pair)

    def predict(self, composition: Composition, pairs: Sequence[str] | None = None) -> Prediction:
        glass = self.glass(composition)
        names = pairs_of(glass.counts) if pairs is None else tuple(pairs)
        if self.refuses and any(self.refuses in ends_of(name) for name in names):
            raise GlasspotError(f"{self.refuses} is not known")
        g = np.array([self.curve(composition, pair) for pair in names])
        low, high = (None, None) if self.band is None else self.band(g)
        return Prediction(
            composition, self.curve_set.r, names, self.change(g), low, high, glass.density, 0.0, glass.fractions, {}
        )

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        raise NotImplementedError


class World(Cheat):
    """The model that knows the means over infinitely many runs."""

    def curve(self, composition: Composition, pair: str) -> np.ndarray:
        return true_curve(composition, pair)


def scores_of(model: Any, curve_set: CurveSet = CURVES, split: str = "glass") -> Scores:
    return score("it", lambda *_: model, curve_set, split_of(split, curve_set))


def test_a_perfect_model_has_no_error() -> None:
    scores = scores_of(Cheat(CURVES, band=lambda g: (g, g)))
    averages = scores.averages()
    assert {*averages} == {
        *("mse", "relative", "position", "height", "coordination", "neutron", "xray", "coverage", "width")
    }
    assert averages["coverage"].mean == 1.0
    for measure in averages.keys() - {"coverage"}:
        # Fractions of 1,000,000 atoms are rounded: coordination and S(Q) are right to about 1e-5.
        assert averages[measure].mean == pytest.approx(0.0, abs=1e-4), measure
    assert averages["relative"].n == CURVES.n_curves
    assert averages["neutron"].n == len(CURVES.glasses)
    assert scores.peaks()["compared"] == CURVES.n_curves


def test_a_curve_that_is_a_tenth_too_high() -> None:
    averages = scores_of(Cheat(CURVES, lambda g: 1.1 * g)).averages()
    assert averages["relative"].mean == pytest.approx(0.1)
    assert averages["height"].mean == pytest.approx(0.1)
    assert averages["position"].mean == pytest.approx(0.0, abs=1e-9)
    assert averages["mse"].mean == pytest.approx(fmean(0.01 * float((g.mean(p) ** 2).mean()) for g, p in CURVES.each()))
    truth = scores_of(Cheat(CURVES, lambda g: 0 * g))  # predicts no neighbours: its error is the coordination itself
    of_all = {(row.glass, row.pair): row.coordination for row in truth.curves}
    for row in scores_of(Cheat(CURVES, lambda g: 1.1 * g)).curves:
        if row.coordination is not None:
            whole = of_all[row.glass, row.pair]
            assert whole is not None
            assert row.coordination == pytest.approx(-0.1 * whole, rel=1e-3)  # rounded fractions
    assert truth.peaks()["lost"] == CURVES.n_curves


def test_coordination_is_that_of_the_simulated_glass() -> None:
    split = split_of("glass", CURVES)
    empty = Cheat(CURVES, lambda g: 0 * g)  # no neighbours at all: the error is the coordination itself
    scores = score("it", lambda *_: empty, CURVES, split, simulated=Simulated(CURVES, {"Si-O": 2.4}))
    found = {row.glass: row.coordination for row in scores.curves if row.coordination is not None}
    assert len(found) == len(CURVES.glasses)
    within = CURVES.r < 2.4
    shells = 4 * np.pi * (CURVES.r**2 + 0.05**2 / 12) * 0.05
    for glass in CURVES.glasses:
        count = glass.density * glass.fractions["O"] * (shells * glass.mean("Si-O"))[within].sum()
        assert found[glass.name] == pytest.approx(-count)


def test_a_shift_of_one_bin_is_a_shift_of_the_peak() -> None:
    scores = scores_of(Cheat(CURVES, lambda g: np.roll(g, 1, axis=1)))
    # The fitted Gaussian moves with the bins, but for peaks whose parted tops the fit takes in other bins.
    assert np.median([row.position for row in scores.curves if row.position is not None]) == pytest.approx(
        0.05, abs=1e-6
    )
    assert scores.averages()["position"].mean == pytest.approx(0.05, abs=1e-3)


def test_the_band_is_counted_outside_the_core_only() -> None:
    outside = np.arange(len(CURVES.r)) % 10 == 0

    def nine_of_ten(g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return g - 0.5 + 10 * outside, g + 0.5 + 10 * outside

    average = scores_of(Cheat(CURVES, band=nine_of_ten)).averages()["coverage"]
    assert average.mean == pytest.approx(0.9, abs=0.01)  # tested ranges are not whole tens
    for row in scores_of(Cheat(CURVES, band=nine_of_ten)).curves[:20]:
        glass = next(glass for glass in CURVES.glasses if glass.name == row.glass)
        assert row.points == len(CURVES.r) - np.argmax(glass.mean(row.pair) > 0.01)
        assert row.width == pytest.approx(1.0)


def test_the_noise_floor_is_the_error_of_the_true_mean() -> None:
    many = sample_set(12, seed=3, n_runs=3)
    scores = scores_of(World(many), many)
    # 12 glasses with 110 curves: floors are known within a few %. The counts are rounded, and noise is cut at 0.
    for measure in ("mse", "relative", "neutron", "xray"):
        average = scores.averages()[measure]
        assert average.floor is not None
        assert average.mean == pytest.approx(average.floor, rel=0.2), measure
    position = scores.averages()["position"]
    assert position.floor is not None
    assert position.mean == pytest.approx(position.floor, rel=0.4)  # of three runs: a rough scatter


def test_one_run_has_no_floor() -> None:
    one = sample_set(6, n_runs=1)
    assert scores_of(Cheat(one), one).averages()["relative"].floor is None


def test_a_peak_that_the_simulation_does_not_know_is_skipped_and_counted() -> None:
    glass = CURVES.glasses[0]
    r = CURVES.r
    places = np.array([[2.0], [2.6], [3.4]])
    runs = 1.0 * (r > 4) + 4 * np.exp(-(((r - places) / 0.1) ** 2))
    noisy = replace(glass, curves={**glass.curves, "Si-Si": runs, "O-O": np.zeros_like(runs)})
    unsure = replace(CURVES, glasses=(noisy, *CURVES.glasses[1:]))
    scores = scores_of(Cheat(unsure), unsure)
    assert scores.peaks() == {"compared": CURVES.n_curves - 2, "no peak": 1, "too noisy": 1, "lost": 0}
    row = next(row for row in scores.curves if row.glass == glass.name and row.pair == "O-O")
    assert row.relative is None  # of nothing, no part can be told


def test_with_one_run_few_pairs_make_a_peak_unsure() -> None:
    one = sample_set(2, n_runs=1)
    r, doped = one.r, one.glasses[1]
    counts = {"Si": 300, "Ba": 8, "O": 608}
    volume = sum(counts.values()) / doped.density

    def with_pairs(number: float) -> GlassCurves:
        # `number` Ba-Ba pairs in a peak of 0.2 A (sd) at 4 A: their place is known to 0.2 / sqrt(number) A.
        peak = np.exp(-0.5 * ((r - 4.0) / 0.2) ** 2)
        g = number * peak / ((4 * np.pi * r**2 * 0.05 * peak).sum() * counts["Ba"] ** 2 / 2 / volume)
        return replace(doped, counts=counts, curves={**doped.curves, "Ba-Ba": g[None]})

    for number, reason in ((30, ""), (8, "too noisy")):  # errors of about 0.04 and 0.08 A, of those above half height
        truth = Simulated(one, {}).curve(with_pairs(number), "Ba-Ba")
        assert truth.no_peak == reason


def test_averages_by_class_and_their_spread() -> None:
    scores = scores_of(Cheat(CURVES, lambda g: g + 0.01))
    rows = [row for row in scores.curves if row.kind == "former-O"]
    folds = [fmean(row.relative for row in rows if row.fold == k and row.relative) for k in range(5)]
    average = scores.averages("former-O")["relative"]
    assert average.spread == pytest.approx(stdev(folds))
    assert average.n == len(rows)
    assert "neutron" not in scores.averages("former-O")
    pairs = ("Si-O", "B-O", "Na-O", "Ti-O", "O-O", "Si-Si", "Si-Na")
    kinds = ("former-O", "former-O", "modifier-O", "modifier-O", "O-O", "cation-cation", "cation-cation")
    assert tuple(map(kind_of, pairs)) == kinds


def test_refused_curves_are_counted_and_left_out_for_all() -> None:
    split = split_of("glass", CURVES)
    full = score("full", lambda *_: Cheat(CURVES), CURVES, split)
    part = score("part", lambda *_: Cheat(CURVES, refuses="B"), CURVES, split)
    with_boron = sum("B" in ends_of(pair) for _, pair in CURVES.each())
    assert len(part.refused) == with_boron > 0
    assert part.refused[0].reason == "B is not known"
    assert len(part.curves) == CURVES.n_curves - with_boron
    one, other = on_common_curves([full, part])
    assert len(one.curves) == len(other.curves) == len(part.curves)
    assert len(one.glasses) == len(other.glasses) == len(part.glasses) < len(full.glasses)


def test_no_scattering_for_glasses_that_are_learnt_from_in_part() -> None:
    assert "neutron" not in scores_of(Cheat(CURVES), split="random").averages()


def test_models_stand_beside_the_baselines() -> None:
    told: list[str] = []
    split = split_of("glass", CURVES)
    found = compare({"cheat": lambda *_: Cheat(CURVES)}, CURVES, split, lambda stage, *_: told.append(stage))
    assert [one.model for one in found] == ["cheat", "nearest", "mixing"]
    assert told[0] == "cheat, glass, fold 1 of 5"
    nearest = found[1].averages()["relative"]
    assert nearest.floor is not None
    assert nearest.mean > 1.3 * nearest.floor  # ten glasses are far apart
    with pytest.raises(GlasspotError, match="name of a baseline"):
        compare({"mixing": lambda *_: Cheat(CURVES)}, CURVES, split, silent)


def test_everything_goes_into_json() -> None:
    scores = scores_of(Cheat(CURVES, band=lambda g: (g - 1, g + 1)))
    again = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert again["averages"]["coverage"]["mean"] == 1.0
    assert len(again["curves"]) == CURVES.n_curves
    assert set(again["of_kinds"]) == {"former-O", "modifier-O", "O-O", "cation-cation"}
    held = scores.folds.index("glasses, part 1 of 5")
    assert {glass for fold, glass in scores.predictions if fold == held}
