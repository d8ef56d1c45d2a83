"""Splits of a set of pair curves: what is held out is never learnt from, and is what the split says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.scoring.splits import SPLITS, base_of, dopants_of, split_of
from pcf_samples import sample_set

CURVES = sample_set(24, n_runs=2)


def curves_of(curve_set: CurveSet) -> set[tuple[str, str]]:
    return {(glass.name, pair) for glass, pair in curve_set.each()}


@pytest.mark.parametrize("name", SPLITS)
def test_no_held_out_curve_is_learnt_from(name: str) -> None:
    for fold in split_of(name, CURVES).folds:
        held = {(glass.name, pair) for glass, pair in fold.held}
        assert held
        assert not held & curves_of(fold.train)
        assert held | curves_of(fold.train) == curves_of(CURVES)


@pytest.mark.parametrize("name", ["random", "glass"])
def test_every_curve_is_held_out_once(name: str) -> None:
    held = [(glass.name, pair) for fold in split_of(name, CURVES, folds=4).folds for glass, pair in fold.held]
    assert len(held) == CURVES.n_curves
    assert set(held) == curves_of(CURVES)


def test_random_leaves_other_pairs_of_a_glass_in_training() -> None:
    fold = split_of("random", CURVES).folds[0]
    assert {glass.name for glass, _ in fold.held} & {glass.name for glass in fold.train.glasses}
    assert len(fold.held) == pytest.approx(CURVES.n_curves / 5, abs=1)


def test_glass_holds_whole_glasses_out() -> None:
    for fold in split_of("glass", CURVES).folds:
        assert not {glass.name for glass, _ in fold.held} & {glass.name for glass in fold.train.glasses}


def test_a_dopant_is_left_out_altogether() -> None:
    folds = split_of("dopant", CURVES).folds
    assert [fold.name for fold in folds] == [f"every glass with {name}" for name in dopants_of(CURVES)]
    for fold, dopant in zip(folds, dopants_of(CURVES), strict=True):
        assert dopant not in fold.train.oxides
        assert all(dopant in glass.composition.fractions for glass, _ in fold.held)


def test_concentrations_of_one_dopant_in_one_base_are_left_out() -> None:
    families: dict[tuple[str, bool], list[float]] = {}
    for glass in CURVES.glasses:
        for dopant in dopants_of(CURVES):
            if dopant in glass.composition.fractions:
                key = dopant, "B2O3" in glass.composition.fractions
                families.setdefault(key, []).append(glass.composition.fractions[dopant])
    folds = split_of("dopant-concentrations", CURVES).folds
    assert len(folds) == 2 * sum(len(doses) > 2 for doses in families.values())
    for fold in folds:
        held = {glass.name: glass.composition for glass, _ in fold.held}
        dopant = fold.name.split()[0]
        boron = {"B2O3" in composition.fractions for composition in held.values()}
        assert len(boron) == 1
        doses = sorted(families[dopant, boron.pop()])
        out = sorted(composition.fractions[dopant] for composition in held.values())
        start = doses.index(out[0])
        assert doses[start : start + len(out)] == out  # neighbours in concentration
        assert start > 0  # the lowest are always learnt from
        assert (out[-1] == doses[-1]) == ("highest" in fold.name)


def test_what_is_the_base_can_be_said() -> None:
    assert dopants_of(CURVES) == ("BaO", "ZnO", "TiO2")
    assert set(dopants_of(CURVES, ("SiO2",))) == {"BaO", "ZnO", "TiO2", "B2O3", "Na2O"}
    folds = split_of("dopant", CURVES, base=("SiO2", "B2O3")).folds
    assert "every glass with Na2O" in [fold.name for fold in folds]
    base = base_of(Composition.parse("45 SiO2 45 Na2O 10 BaO"))
    assert base is not None and base.fractions == pytest.approx({"SiO2": 0.5, "Na2O": 0.5})
    assert base_of(Composition.parse("100 BaO")) is None


def test_the_seed_decides() -> None:
    names = [[glass.name for glass, _ in split_of("glass", CURVES, seed=s).folds[0].held] for s in (0, 0, 1)]
    assert names[0] == names[1] != names[2]


def test_mistakes_are_told() -> None:
    with pytest.raises(GlasspotError, match='Did you mean "random"'):
        split_of("randm", CURVES)
    with pytest.raises(GlasspotError, match="30 folds of 24 glasses"):
        split_of("glass", CURVES, folds=30)
    plain = CURVES.only(
        [k for k, g in enumerate(CURVES.glasses) if not set(dopants_of(CURVES)) & {*g.composition.fractions}]
    )
    for name in ("dopant", "dopant-concentrations"):
        with pytest.raises(GlasspotError, match="which oxides are the base"):
            split_of(name, plain)
    twice = replace(CURVES, glasses=(CURVES.glasses[0], CURVES.glasses[0]))
    with pytest.raises(GlasspotError, match="two glasses have the name"):
        split_of("glass", twice, folds=2)
