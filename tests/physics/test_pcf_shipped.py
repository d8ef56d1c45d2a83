"""The set of glasses that comes with glasspot: is it glass, and does the curve model learn from it what it should."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from glasspot.composition import Composition, estimate_density, four_fold_boron
from glasspot.oxides import mass
from glasspot.pcf.curve.model import train
from glasspot.pcf.curve_set import CurveSet, GlassCurves
from glasspot.pcf.model import silent
from glasspot.pcf.scoring.scores import compare
from glasspot.pcf.scoring.splits import split_of
from glasspot.structure.peaks import first_peak
from glasspot.units import volume_from_density


@pytest.fixture(scope="module")
def glasses() -> CurveSet:
    with resources.as_file(resources.files("glasspot.pcf") / "data" / "glasses.npz") as path:
        return CurveSet.load(Path(path))


def neighbours(found: CurveSet, glass: GlassCurves, centre: str, cutoff: float) -> float:
    """Return the mean number of oxygens within ``cutoff`` (A) of a cation."""
    width = found.r[1] - found.r[0]
    inside = found.r < cutoff
    density = glass.density * glass.fractions["O"]
    return float((4 * np.pi * density * width * found.r**2 * glass.mean(f"{centre}-O"))[inside].sum())


def test_it_is_what_was_asked_for(glasses: CurveSet) -> None:
    assert len(glasses.glasses) == 74 and glasses.n_curves == 883
    assert all(glass.n_runs == 3 and 600 <= sum(glass.counts.values()) <= 1500 for glass in glasses.glasses)
    assert glasses.provenance["settings"]["potential"] == "BMP" and glasses.provenance["failed_runs"] == 0


def test_silicon_has_four_oxygens(glasses: CurveSet) -> None:
    """1.62 A and four neighbours in experiment; a fast quench leaves some defects, under 2 %."""
    for glass in glasses.glasses:
        assert neighbours(glasses, glass, "Si", 2.2) == pytest.approx(4.0, abs=0.02)
        assert 1.60 < first_peak(glasses.r, glass.mean("Si-O"))[0] < 1.66


def test_boron_follows_the_model_of_dell_bray_and_xiao(glasses: CurveSet) -> None:
    """For the undoped sodium borosilicates it was made for. Measured glasses scatter about it by 0.05 or so."""
    off = []
    for glass in glasses.glasses:
        shares = glass.composition.fractions
        if set(shares) == {"SiO2", "B2O3", "Na2O"}:
            expected = 3.0 + four_fold_boron(shares["Na2O"] / shares["B2O3"], shares["SiO2"] / shares["B2O3"])
            off.append(neighbours(glasses, glass, "B", 2.0) - expected)
    assert len(off) == 16 and np.abs(off).max() < 0.2 and abs(np.mean(off)) < 0.07


def test_densities_are_near_the_molar_volumes_of_oxides(glasses: CurveSet) -> None:
    """The sum of molar volumes is good to 6 %, and glasses that were quenched fast are a little too dense."""
    for glass in glasses.glasses:
        atoms = sum(glass.counts.values())
        volume = volume_from_density(mass(glass.counts), estimate_density(glass.composition)[0])
        assert 0.97 < glass.density / (atoms / volume) < 1.08


def test_curves_tend_to_one(glasses: CurveSet) -> None:
    """The mean over the last angstrom, of all pairs of a glass by their share; the order beyond 9 A is below 2 %."""
    for glass in glasses.glasses:
        total = np.zeros_like(glasses.r)
        for pair in glass.pairs:
            a, b = pair.split("-")
            total += glass.fractions[a] * glass.fractions[b] * (1 if a == b else 2) * glass.mean(pair)
        assert total[glasses.r > 9.0].mean() == pytest.approx(1.0, abs=0.02)


def test_errors_on_glasses_left_out(glasses: CurveSet) -> None:
    """A third left out. Benchmarks found 8.4 % (five folds), positions to 0.016 A, 0.046 neighbours, 90.1 % in band;
    here with fewer glasses to learn from, and with room for another machine's rounding.
    """
    split = split_of("glass", glasses, 3)
    curve, nearest, mixing = compare({"curve": lambda data, _: train(data, silent, 0)}, glasses, split)
    found, others = curve.averages(), [one.averages() for one in (nearest, mixing)]
    assert found["relative"].mean < 0.10
    assert found["position"].mean < 0.025
    assert found["coordination"].mean < 0.10
    assert 0.85 < found["coverage"].mean < 0.95
    assert all(
        found[name].mean < other[name].mean for name in ("relative", "coordination", "neutron") for other in others
    )


def test_a_glass_beside_the_data_is_known(glasses: CurveSet) -> None:
    found = train(glasses).predict(Composition.parse("60 SiO2 15 B2O3 20 Na2O 5 BaO"))
    assert not found.warnings
    assert found.coordination("Si", "O") == pytest.approx(4.0, abs=0.03)
    assert 3.5 < (found.coordination("B", "O") or 0.0) < 4.0
