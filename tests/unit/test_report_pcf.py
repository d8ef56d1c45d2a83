"""Pages of pair curves: what is chosen to be shown, and that a page tells what it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from glasspot.composition import Composition
from glasspot.pcf.curve.coordination import coordination_error
from glasspot.pcf.curve.model import CurveModel, train
from glasspot.pcf.curve_set import CurveSet
from glasspot.pcf.model import Tell, silent
from glasspot.pcf.scoring.baselines import train_nearest
from glasspot.pcf.scoring.scores import compare
from glasspot.pcf.scoring.splits import split_of
from glasspot.report.figure import Axis, Figure, Pane, Style, Trace
from glasspot.report.pcf_answer import answer
from glasspot.report.pcf_predict_page import page as predict_page
from glasspot.report.pcf_predict_page import scattering_figures
from glasspot.report.pcf_score_data import ScoreReport, calibration, cases, farthest
from glasspot.report.pcf_score_page import curves_csv, errors_table, page
from glasspot.report.pcf_train_data import TrainReport, document, oxide_ranges
from glasspot.report.pcf_train_map import components
from glasspot.report.static import draw_grid
from pcf_fake import FakeModel
from pcf_samples import sample_set

WORLD = sample_set(12)
LEVELS = np.array([0.5, 0.9])


def fake_train(curve_set: CurveSet, tell: Tell = silent) -> FakeModel:
    return FakeModel(width=0.1)


@pytest.fixture(scope="module")
def scored() -> ScoreReport:
    scores = compare({"fake": fake_train}, WORLD, split_of("glass", WORLD, 3))
    return ScoreReport(scores, WORLD, {"kind": "fake", "data": "made up"})


@pytest.fixture(scope="module")
def model() -> CurveModel:
    return train(WORLD)


def test_the_nine_cases_are_far_apart(scored: ScoreReport) -> None:
    found = cases(scored)
    assert len({case.glass.name for case in found}) == 9
    # On a line the farthest from the mean comes first, then the other end, then what is farthest from both.
    assert farthest(np.array([[0.0], [1.0], [2.0], [5.0], [9.0]]), 3) == [4, 0, 3]
    assert farthest(np.zeros((0, 2)), 3) == []


def test_the_case_of_a_glass_is_the_median_one(scored: ScoreReport) -> None:
    case = cases(scored)[0]
    errors = sorted(row.relative for row in scored.model.curves if row.glass == case.glass.name)
    assert case.error == errors[len(errors) // 2]


def test_calibration_counts_the_points_within_the_band(scored: ScoreReport) -> None:
    found = calibration(scored, LEVELS)
    # At 90 % it is the band itself, so it must be the coverage that the scores give; a few points lie on its edge.
    assert found[1] == pytest.approx(scored.model.averages()["coverage"].mean, abs=0.01)
    assert 0 < found[0] < found[1]
    nearest = ScoreReport(scored.scores[1:], WORLD, {})
    assert calibration(nearest, LEVELS) is None, "a baseline has no band"


def test_the_page_of_scores(scored: ScoreReport) -> None:
    table = errors_table(scored)
    assert [row[0] for row in table.rows] == ["fake", "nearest", "mixing", "noise"]
    text = page(scored, [])
    assert "Mean error of a curve" in text and "made up" in text
    rows = curves_csv(scored).splitlines()
    assert len(rows) == 1 + sum(len(one.curves) for one in scored.scores)


def test_the_data_of_a_trained_model(model: CurveModel) -> None:
    about = {"data": "a/b <set>.npz", "settings": {"seed": 0}, "provenance": {}}
    report = TrainReport(model, WORLD, about, 1.0, {"SiO2": 0.1})
    assert oxide_ranges(WORLD)["SiO2"].glasses == 12
    assert document(report)["pairs"]["Si-O"] == 12
    from glasspot.report.pcf_train_page import figures
    from glasspot.report.pcf_train_page import page as train_page

    drawn = figures(report)
    dots = sum(len(trace.x) for f in drawn if f.name == "curve-map" for trace in f.panes[0].traces)
    assert dots == WORLD.n_curves
    text = train_page(report, drawn)
    assert "&lt;set&gt;" in text and "<set>" not in text.split("<script")[0]


def test_components_keep_the_distances_of_a_plane() -> None:
    rng = np.random.default_rng(0)
    plane = rng.standard_normal((7, 2)) @ rng.standard_normal((2, 30))
    places = components(plane)
    apart = [np.linalg.norm(x[:, None] - x, axis=2) for x in (plane, places)]
    np.testing.assert_allclose(apart[0], apart[1], atol=1e-9)  # two components hold all of a plane, but for rounding
    assert components(plane[:1]).tolist() == [[0.0, 0.0]]


def test_an_error_of_coordination_holds_for_glasses_left_out() -> None:
    world = sample_set(32, noise=0.01)
    learnt = train(world.only(range(24)))
    off = []
    for glass in world.glasses[24:]:
        said = learnt.predict(glass.composition)
        truth = FakeModel().predict(glass.composition)
        for pair, end in said.cutoffs.items():
            error = coordination_error(learnt, glass.composition, pair, end)
            if error is None:
                continue
            one = next(p for p in answer(said, "curve").pairs if p.pair == pair).coordination
            same = type(truth)(**{**truth.__dict__, "cutoffs": {pair: end}, "number_density": said.number_density})
            off.append((one - same.coordination(*pair.split("-"))) / error)
    # About one standard deviation; some 20 numbers of 8 glasses tell that to a factor of two.
    assert 0.3 < np.sqrt(np.mean(np.square(off))) < 2.0


def test_a_model_without_bands_has_no_errors() -> None:
    said = train_nearest(WORLD).predict(Composition.parse("60 SiO2 20 B2O3 20 Na2O"))
    found = answer(said, "nearest")
    assert all(p.height_error is None and p.coordination_error is None for p in found.pairs)
    assert found.scattering.neutron_error is None
    assert "no uncertainty" in predict_page(found, scattering_figures(found), {})


def test_scattering_tends_to_one() -> None:
    found = answer(FakeModel().predict(Composition.parse("80 SiO2 20 Na2O")), "fake")
    tail = found.scattering.q > 15
    # The first peaks of this world are 0.06 A wide: what is left of them at 15 1/A is exp(-(15 x 0.06)^2 / 2) = 0.67 of
    # a small ripple, which averages out.
    assert found.scattering.neutron[tail].mean() == pytest.approx(1.0, abs=0.05)


def test_a_grid_draws_every_figure(tmp_path: Path) -> None:
    x = np.array([0.0, 1.0])
    one = Figure("a", "s", "t", "", Axis("x"), (Pane(Axis("y"), (Trace("l", x, x, Style("ink")),)),))
    drawing = draw_grid([one] * 5, 3)
    assert len(drawing.axes) == 5
    assert [box.get_ylabel() for box in drawing.axes] == ["y", "", "", "y", ""]
    assert [box.get_xlabel() for box in drawing.axes] == ["", "", "x", "x", "x"]
