"""``glasspot pcf predict`` as a user meets it: the table, the files, and each mistake in one sentence."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from glasspot.cli import main
from glasspot.composition import Composition
from glasspot.pcf import model_file
from glasspot.pcf.model_file import save_model
from glasspot.report.pcf_answer import answer
from pcf_fake import FakeModel
from pcf_samples import RADIUS

GLASS = "60 SiO2 20 B2O3 20 Na2O + 5 BaO"


@pytest.fixture(autouse=True)
def fake_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(model_file.KINDS, "fake", ("pcf_fake", "FakeModel.from_state"))


@pytest.fixture()
def model(tmp_path: Path) -> Path:
    save_model(FakeModel(), tmp_path / "model", {"data": "made up", "glasses": 40, "curves": 500})
    return tmp_path / "model"


def predict(*words: str | Path) -> int:
    return main(["pcf", "predict", *(str(word) for word in words)])


def test_a_prediction_is_a_table_and_files(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert predict(model, GLASS, "--out", out) == 0
    said = capsys.readouterr().out
    assert "57.1429 SiO2 19.0476 B2O3 19.0476 Na2O 4.7619 BaO mol%" in said
    assert "warning: The amounts add up to 105 and were normalised to 100 %." in said
    row = next(line for line in said.splitlines() if line.startswith("Si-O"))
    assert "2.20" in row and row.count("±") == 3
    names = {path.name for path in out.iterdir()}
    assert names >= {
        "index.html", "g_of_r.csv", "s_of_q.csv", "prediction.json", "g-of-r.png", "g-of-r.svg", "s-of-q.png",
    }  # fmt: skip
    with (out / "g_of_r.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 200
    peak = max(rows, key=lambda row: float(row["g_Si-O"]))
    assert float(peak["low_Si-O"]) < float(peak["g_Si-O"]) < float(peak["high_Si-O"])
    page = (out / "index.html").read_text()
    assert "normalised to 100 %" in page and "made up" in page
    # A second prediction of the same glass takes the place of the first.
    assert predict(model, GLASS, "--out", out, "--pair", "O-Si") == 0
    assert "B-O" not in (out / "g_of_r.csv").read_text().splitlines()[0]


def test_json_holds_what_the_model_said(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(model, GLASS, "--json", "--out", tmp_path / "out") == 0
    found = json.loads(capsys.readouterr().out)
    said = FakeModel().predict(Composition.parse(GLASS))
    np.testing.assert_allclose(found["pairs"]["B-O"]["g"], said.partial("B", "O"), rtol=1e-4)  # five digits
    assert found["pairs"]["Si-O"]["coordination"] == pytest.approx(said.coordination("Si", "O"), rel=1e-4)
    assert found["pairs"]["Na-Na"]["coordination"] is None
    assert found == json.loads((tmp_path / "out" / "prediction.json").read_text())


def test_the_default_folder_is_named_after_the_glass(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert predict(model, "80 SiO2 20 Na2O") == 0
    assert (tmp_path / "runs" / "pcf-80-SiO2-20-Na2O" / "index.html").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((GLASS, "--pair", "Si-K"), "there is no pair Si-K in 57.1429 SiO2"),
        ((GLASS, "--pair", "Si"), '"Si" is no pair of elements; expected such as "Si-O"'),
        (("60 SiO2 40 Xx2O",), 'unknown oxide "Xx2O"'),
        (("60 SiO2 -40 Na2O",), "negative amount"),
        (("0 SiO2 0 Na2O",), "add up to zero"),
    ],
)
def test_mistakes_are_one_sentence(
    model: Path, tmp_path: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(model, *words, "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists(), "nothing is written for a mistake"


def test_folders_that_are_not_ours(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(tmp_path, GLASS, "--out", tmp_path / "out") == 2
    assert "holds no model.npz; give the folder that glasspot pcf train wrote" in capsys.readouterr().err
    (tmp_path / "model.npz").write_text("not a model")
    assert predict(tmp_path, GLASS, "--out", tmp_path / "out") == 2
    assert "is no model of glasspot pcf" in capsys.readouterr().err
    assert predict(model, GLASS, "--out", tmp_path) == 2
    assert "holds files that glasspot pcf predict has not made" in capsys.readouterr().err


def test_an_oxide_never_seen_is_a_warning_on_top(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RADIUS, "K", 1.4)
    assert predict(model, "80 SiO2 20 K2O", "--out", tmp_path / "out") == 0
    assert "warning: K2O was never seen" in capsys.readouterr().out
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.index("K2O was never seen") < page.index('<section id="numbers"')


def test_errors_follow_the_band() -> None:
    """Twice the band, twice the errors, nearly: the same curves are drawn, but none falls below 0.

    The number is that of the prediction itself, to its rounding of the fractions to 1e-6.
    """
    glass = Composition.parse(GLASS)
    one, two = (answer(FakeModel(width).predict(glass), "fake") for width in (0.01, 0.02))
    for narrow, wide in zip(one.pairs, two.pairs, strict=True):
        assert wide.height_error == pytest.approx(2 * narrow.height_error, rel=0.1)
    silicon = [next(p for p in found.pairs if p.pair == "Si-O") for found in (one, two)]
    # The density adds 0.001 / 0.07 of the number in quadrature.
    share = [np.sqrt(p.coordination_error**2 - (p.coordination / 70) ** 2) for p in silicon]
    assert share[1] == pytest.approx(2 * share[0], rel=0.01)
    assert silicon[0].coordination == pytest.approx(FakeModel().predict(glass).coordination("Si", "O"), rel=1e-5)


def test_the_same_prediction_twice_is_the_same() -> None:
    said = FakeModel().predict(Composition.parse(GLASS))
    assert answer(said, "fake").pairs == answer(said, "fake").pairs
