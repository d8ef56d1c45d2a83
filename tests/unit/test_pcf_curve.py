"""The `curve` model in the made-up world: accuracy on glasses left out, bands, what it refuses, what it keeps."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glasspot.composition import Composition
from glasspot.errors import GlasspotError
from glasspot.pcf.curve.model import CurveModel, train
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.importance import importance
from glasspot.pcf.model_file import load_model, save_model
from glasspot.pcf.prediction import Prediction
from pcf_samples import sample_set, true_curve

GLASS = Composition.parse("57 SiO2 19 B2O3 19 Na2O 5 BaO")


@pytest.fixture(scope="module")
def data() -> CurveSet:
    return sample_set(40)


@pytest.fixture(scope="module")
def model(data: CurveSet) -> CurveModel:
    return train(data)


@pytest.fixture(scope="module")
def held_out(data: CurveSet) -> list[tuple[int, Prediction]]:
    """Predictions of every fifth glass, of all kinds, by a model that has not seen it."""
    out = list(range(1, len(data.glasses), 5))
    fitted = train(data.only([k for k in range(len(data.glasses)) if k not in out]))
    return [(k, fitted.predict(data.glasses[k].composition, data.glasses[k].pairs)) for k in out]


def test_error_of_unseen_glasses_is_near_the_noise(data: CurveSet, held_out: list[tuple[int, Prediction]]) -> None:
    errors, floor = [], []
    for k, found in held_out:
        glass = data.glasses[k]
        for pair, g in zip(found.pairs, found.g, strict=True):
            size = np.linalg.norm(glass.mean(pair))
            errors.append(np.linalg.norm(g - glass.mean(pair)) / size)
            floor.append(np.linalg.norm(glass.error(pair)) / size)
    # Silica with a dopant, of which each has two or three other glasses, is among them: three times the noise.
    assert np.mean(errors) < 3 * np.mean(floor)
    assert np.median(errors) < 2 * np.median(floor)


def test_band_holds_what_it_says(data: CurveSet, held_out: list[tuple[int, Prediction]]) -> None:
    held = []
    for k, found in held_out:
        assert found.low is not None and found.high is not None
        for row, pair in enumerate(found.pairs):
            simulated, outside = data.glasses[k].mean(pair), found.high[row] > 0
            held.append(((found.low[row] <= simulated) & (simulated <= found.high[row]))[outside])
    # 100 curves of bins that go wrong together: 5 % off is what the issue grants.
    assert 0.85 < np.concatenate(held).mean() < 0.96


def test_first_peak_stands_where_it_should(model: CurveModel) -> None:
    found = model.predict(GLASS)
    for pair in ("Si-O", "B-O", "Na-O"):
        true = true_curve(GLASS, pair)
        peak = slice(int(np.argmax(true)) - 3, int(np.argmax(true)) + 4)
        g = found.g[found.pairs.index(pair)][peak]
        centre, expected = (np.average(found.r[peak], weights=w) for w in (g, true[peak]))
        assert centre == pytest.approx(expected, abs=0.01)  # A; half of what the issue asks


@pytest.mark.parametrize("text", ["57 SiO2 19 B2O3 19 Na2O 5 BaO", "80 SiO2 20 BaO", "60 SiO2 12 B2O3 28 Na2O"])
def test_density(model: CurveModel, text: str) -> None:
    found = model.predict(Composition.parse(text))
    shares = found.composition.fractions
    expected = 0.066 + 0.02 * shares.get("Na2O", 0.0) + 0.03 * shares.get("B2O3", 0.0)  # of the made-up world
    # Runs scatter by 0.3 %, glasses by 0.2 %; the handbook alone is off by 3 % and more.
    assert found.number_density == pytest.approx(expected, rel=0.005)
    assert 0 < found.number_density_error < 0.02 * expected


def test_coordination_of_unseen_glasses(data: CurveSet, held_out: list[tuple[int, Prediction]]) -> None:
    off = []
    for k, found in held_out:
        glass = data.glasses[k]
        row = (
            glass.mean("Si-O") * 4 * np.pi * data.r**2 * (data.r[1] - data.r[0]) * glass.density * glass.fractions["O"]
        )
        expected = np.interp(found.cutoffs["Si-O"], data.r + 0.5 * (data.r[1] - data.r[0]), np.cumsum(row))
        off.append(found.coordination("Si", "O") / expected - 1)
    # Bins of the peak have 5 % of noise, ten of them 2 %. Density alone varies by 10 % over these glasses.
    assert np.mean(np.abs(off)) < 0.02


def test_state_is_plain_and_makes_the_same_model(model: CurveModel) -> None:
    meta, arrays = model.state()
    assert all(isinstance(array, np.ndarray) and array.dtype.kind in "fi" for array in arrays.values())
    again = CurveModel.from_state(json.loads(json.dumps(meta, allow_nan=False)), arrays)
    for composition in (GLASS, Composition.parse("60 SiO2 20 B2O3 20 CaO")):
        one, two = model.predict(composition), again.predict(composition)
        np.testing.assert_array_equal(one.g, two.g)
        np.testing.assert_array_equal(one.high, two.high)
        assert one.number_density == two.number_density and one.warnings == two.warnings


def test_a_file_whose_parts_do_not_fit_together_is_refused(model: CurveModel, tmp_path: Path) -> None:
    path = save_model(replace(model, names=model.names[:-1]), tmp_path)
    with pytest.raises(GlasspotError, match="names does not fit the rest"):
        load_model(path)


def test_same_seed_same_model(data: CurveSet) -> None:
    part = data.only(range(12))
    one, two = train(part, seed=3).state(), train(part, seed=3).state()
    assert one[0] == two[0]
    assert all(np.array_equal(one[1][name], two[1][name]) for name in one[1])


def test_all_pairs_of_a_glass_of_six_oxides(model: CurveModel) -> None:
    assert len(model.predict(Composition.parse("50 SiO2 20 B2O3 15 Na2O 5 BaO 5 ZnO 5 TiO2")).pairs) == 28


def test_inside_the_data_there_is_no_warning(model: CurveModel) -> None:
    found = model.predict(GLASS)
    assert found.warnings == () and found.distance is not None and found.distance < 2


def test_far_composition_is_predicted_with_a_warning(model: CurveModel) -> None:
    found = model.predict(Composition.parse("10 SiO2 90 Na2O"))
    assert found.distance is not None and found.distance > 5
    assert any("far from the data" in line and f"{found.distance:.1f} times" in line for line in found.warnings)


def test_unseen_oxide_is_replaced_and_said_so(model: CurveModel, data: CurveSet) -> None:
    found = model.predict(Composition.parse("60 SiO2 20 B2O3 20 CaO"))
    assert any(line.startswith("CaO is not in the data") and "Na2O" in line for line in found.warnings)
    ca_o, na_o = (
        found.partial("Ca", "O"),
        model.predict(Composition.parse("60 SiO2 20 B2O3 20 Na2O")).partial("Na", "O"),
    )
    # The Shannon radii of Ca and Na are 1.00 and 1.02 A, and other stand-ins lie on both sides of it.
    assert abs(found.r[np.argmax(ca_o)] - found.r[np.argmax(na_o)]) < 0.2
    assert found.cutoffs["Ca-O"] > found.cutoffs["Si-O"]


def test_unseen_dopant_has_a_wider_band_that_holds(data: CurveSet) -> None:
    having = [k for k, glass in enumerate(data.glasses) if "ZnO" in glass.composition.fractions]
    part = data.only([k for k in range(len(data.glasses)) if k not in having])
    fitted, held = train(part), []
    place = fitted.predict(Composition.parse("90 SiO2 10 ZnO")).partial("Zn", "O")
    # 0.60 + 1.35 A in this world; the curves it is made of have their peaks at 1.77 (Ti) and 2.37 A (Na).
    assert data.r[np.argmax(place)] == pytest.approx(1.95, abs=0.11)
    for k in having:
        glass = data.glasses[k]
        found = fitted.predict(glass.composition, glass.pairs)
        assert found.low is not None and found.high is not None
        for row, pair in enumerate(found.pairs):
            inside = (found.low[row] <= glass.mean(pair)) & (glass.mean(pair) <= found.high[row])
            held.append(inside[found.high[row] > 0])
    # Calibrated on two other dopants only: no more than a rough guard can be asked.
    assert np.concatenate(held).mean() > 0.75


def test_pair_that_no_glass_had_is_made_of_others(model: CurveModel) -> None:
    found = model.predict(Composition.parse("60 SiO2 20 Na2O 10 BaO 10 TiO2"))
    assert "Ti-Ba" in found.pairs and any("no glass of the data has Ti-Ba" in line for line in found.warnings)
    assert found.partial("Ba", "Ti")[-20:].mean() == pytest.approx(1.0, abs=0.1)


def test_unknown_cation_is_refused_by_name(model: CurveModel) -> None:
    with pytest.raises(GlasspotError, match=r"PuO2 is not in the data .* Si4\+"):
        model.predict(Composition.parse("90 SiO2 10 PuO2"))


def test_what_is_no_oxide_is_refused(model: CurveModel) -> None:
    with pytest.raises(GlasspotError, match="GeSe2"):
        model.predict(Composition.parse("90 SiO2 10 GeSe2"))


@pytest.mark.parametrize("pair, hint", [("Ti-O", "has no pair"), ("NaO", 'Did you mean "Na-O"'), ("Si-Q", "Si-O")])
def test_pair_that_the_glass_has_not(model: CurveModel, pair: str, hint: str) -> None:
    with pytest.raises(GlasspotError, match=hint):
        model.predict(GLASS, [pair])


def test_only_the_pairs_asked_for_in_any_order_of_names(model: CurveModel) -> None:
    found = model.predict(GLASS, ["O-Si", "Na-B"])
    assert found.pairs == ("Si-O", "B-Na")
    np.testing.assert_array_equal(found.partial("Si", "O"), model.predict(GLASS).partial("O", "Si"))


@pytest.mark.parametrize("n_glasses", [1, 2, 5])
def test_few_glasses_give_a_mean_and_say_so(n_glasses: int) -> None:
    found = train(sample_set(n_glasses)).predict(Composition.parse("100 SiO2"))
    assert found.partial("Si", "O").max() > 3
    assert n_glasses > 3 or any("too few glasses" in line for line in found.warnings)


def test_single_runs_are_enough() -> None:
    found = train(sample_set(12, n_runs=1)).predict(Composition.parse("100 SiO2"))
    assert found.high is not None and np.all(np.isfinite(found.high))


def test_no_glass_is_no_data() -> None:
    with pytest.raises(GlasspotError, match="needs data"):
        train(CurveSet(np.array([0.5, 1.5]), ()))


def test_importance_of_oxides(model: CurveModel, data: CurveSet) -> None:
    found = importance(model, data.only(range(12)))
    assert set(found) >= {"SiO2", "Na2O", "B2O3"} and min(found.values()) >= 0
    # In this world soda moves and lowers peaks, silica does nothing of its own.
    assert found["Na2O"] > 2 * found["SiO2"]


def test_importing_needs_no_extra() -> None:
    code = "import sys, glasspot.pcf.curve.model; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
