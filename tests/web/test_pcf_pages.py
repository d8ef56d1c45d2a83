"""The pages of pair curves in a real browser: drawn, quiet, self-contained, and no wider than a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser_lab import DESKTOP, PHONE, asked_for, drawn_traces, visit

from glasspot.composition import Composition
from glasspot.pcf.curve.model import train
from glasspot.pcf.importance import importance
from glasspot.pcf.scoring.scores import compare
from glasspot.pcf.scoring.splits import split_of
from glasspot.report.pcf_answer import answer
from glasspot.report.pcf_predict_page import write_prediction
from glasspot.report.pcf_score_data import ScoreReport
from glasspot.report.pcf_score_page import write_scores
from glasspot.report.pcf_train_data import TrainReport
from glasspot.report.pcf_train_page import write_training
from pcf_fake import FakeModel
from pcf_samples import sample_set

WORLD = sample_set(16)
GLASS = Composition.parse("50 SiO2 20 B2O3 15 Na2O 5 BaO 5 ZnO 5 TiO2")  # 28 pairs


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One page of each kind, as the commands write them."""
    folder = tmp_path_factory.mktemp("pages")
    model = train(WORLD)
    about = {"data": "made up", "settings": {"seed": 0}, "provenance": {}}
    scores = compare({"fake": lambda *_: FakeModel(width=0.1)}, WORLD, split_of("glass", WORLD, 3))
    for name in ("predict", "train", "score"):
        (folder / name).mkdir()
    return {
        "predict": write_prediction(answer(model.predict(GLASS), model.kind), folder / "predict", about),
        "train": write_training(TrainReport(model, WORLD, about, 1.0, importance(model, WORLD)), folder / "train"),
        "score": write_scores(ScoreReport(scores, WORLD, {"kind": "fake", "data": "made up"}), folder / "score"),
    }


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", ["predict", "train", "score"])
def test_page_of_pair_curves_fits_its_window(
    browser: Any, pages: dict[str, Path], name: str, size: tuple[int, int]
) -> None:
    visit(browser, pages[name], size)
    assert browser.get_log("browser") == []
    assert asked_for(browser) == {pages[name].as_uri()}
    traces = drawn_traces(browser)
    assert traces and all(count > 0 for count in traces.values()), traces
    assert browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
